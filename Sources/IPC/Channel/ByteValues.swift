extension ByteSender {
  /// Sends a value's bytes. Waits while the channel is full.
  package mutating func send<Value: Message>(_ message: borrowing Value) throws(ChannelError) {
    guard try send(message, until: .never) else { throw timedOut }
  }

  /// Sends a value's bytes if the channel has room.
  package mutating func trySend<Value: Message>(_ message: borrowing Value) throws(ChannelError) -> Bool {
    try send(message, until: .now)
  }

  /// Sends a value's bytes before the deadline.
  package mutating func send<Value: Message>(
    _ message: borrowing Value, within duration: Duration
  ) throws(ChannelError) {
    guard try send(message, until: .within(duration)) else { throw timedOut }
  }

  /// Sends the bytes of several values with as few system calls as the mechanism allows.
  package mutating func send<Values: Sequence>(
    contentsOf messages: Values
  ) throws(ChannelError) where Values.Element: Message {
    let before = coalesces
    coalesces = true
    defer { coalesces = before }
    for message in messages { try send(message) }
    try flush()
  }
}

extension ByteReceiver {
  /// Waits for a message and reads it as a value; nil at the end.
  package mutating func next<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value? {
    do throws(ChannelError) {
      return try receive(type)
    } catch {
      if error.code == .closed { return nil }
      throw error
    }
  }

  /// Waits for a message and reads it as a value.
  package mutating func receive<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value {
    guard let value = try receive(type, until: .never) else { throw timedOut }
    return value
  }

  /// Reads a message as a value if there is one.
  package mutating func tryReceive<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value? {
    try receive(type, until: .now)
  }

  /// Waits for a message, at most for a duration, and reads it as a value.
  package mutating func receive<Value: Message>(
    _ type: Value.Type, within duration: Duration
  ) throws(ChannelError) -> Value {
    guard let value = try receive(type, until: .within(duration)) else { throw timedOut }
    return value
  }
}
