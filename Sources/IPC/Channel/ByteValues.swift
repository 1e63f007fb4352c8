import ConcurrencyModels

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

extension SharedByteReceiver {
  /// The messages until the last sender has closed, as values.
  package func messages<Value: Message>(of type: Value.Type) -> Messages<Value> {
    SharedReceiver<Value>(self).messages
  }

  /// Waits for a message and reads it as a value.
  package nonisolated(nonsending) func receive<Value: Message>(_ type: Value.Type) async throws -> Value {
    let bytes = try await receive()
    return try Value(decoding: bytes.span)
  }

  /// Waits for a message, at most for a duration, and reads it as a value.
  package nonisolated(nonsending) func receive<Value: Message & Sendable>(
    _ type: Value.Type, within duration: Duration
  ) async throws -> Value {
    let value: Value? = try await select {
      Receive(type, from: self) { value -> Value? in
        guard let value else { throw ChannelError.closed(.receive, self.mechanism) }
        return value
      }
      After(duration) { nil }
    }
    guard let value else { throw ChannelError.timedOut(.receive, mechanism) }
    return value
  }

  /// Reads a message as a value if there is one.
  package func tryReceive<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value? {
    guard let bytes = try receive(until: .now) else { return nil }
    return try Value(decoding: bytes.span)
  }
}

extension SharedByteSender {
  /// Sends a value's bytes.
  package nonisolated(nonsending) func send<Value: Message>(_ message: borrowing Value) async throws {
    try await send(try Self.bytes(message))
  }

  /// Sends a value's bytes if the channel has room.
  package func trySend<Value: Message>(_ message: borrowing Value) throws(ChannelError) -> Bool {
    try trySend(try Self.bytes(message))
  }
}
