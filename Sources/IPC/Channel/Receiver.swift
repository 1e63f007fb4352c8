/// A process's receiving end of a channel. It owns what the mechanism gave it: going out of scope closes it, and
/// removes the channel's name where this end made it.
///
/// One thread at a time uses it; moving it to another is fine. Every call can throw ``ChannelError``: `closed`
/// when the last sender has closed or died and everything was taken, `protocolViolation` when the other side sent
/// bytes that are no message.
///
/// System calls: those that the mechanism's traits name. Byte streams are read ahead, so that many small messages
/// cost one read; poll(2) or futex(2) to wait.
public struct Receiver: ~Copyable, @unchecked Sendable {
  // Safe to send to another thread: the only reference to the end, and every use of it is mutating.
  @usableFromInline package let end: any ReceiverTransport
  private var isForgotten = false

  package init(_ end: any ReceiverTransport) { self.end = end }

  deinit { if !isForgotten { end.close() } }

  /// The end was handed over: letting go of it must not close it.
  consuming func forget() { isForgotten = true }

  /// Opens the receiving end of the channel with this address, and makes its name where there is none, for this
  /// user alone. The name goes when the last end closes.
  /// - Throws: `invalidAddress`, `unknownMechanism`, `wrongKind`, `notAllowed`, `busy`, `notSupported`.
  public static func open(_ address: String) throws(ChannelError) -> Receiver {
    try open(Address(address))
  }

  /// Opens the receiving end of the channel with this address.
  public static func open(_ address: Address) throws(ChannelError) -> Receiver {
    let implementation = try Catalogue.implementation(of: address.mechanism)
    return Receiver(try implementation.openReceiver(address))
  }

  /// What carries the channel.
  public var mechanism: Mechanism { end.mechanism }

  /// Bytes taken from the mechanism so far, framing included.
  public var bytesCarried: Int { end.bytesCarried }

  @usableFromInline var tooLate: ChannelError { .timedOut(.receive, mechanism) }

  // MARK: In place

  /// Waits for a message and lends it to `body`, where it lies: in the read-ahead buffer, or in shared memory,
  /// where a hostile sender could still change it, so read it once. It is taken even if `body` makes nothing of it.
  @inlinable public mutating func receive<Result>(
    _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result {
    guard let result = try attempt(until: .never, body) else { throw tooLate }
    return result
  }

  /// Lends `body` a message if there is one; nil if not.
  @inlinable public mutating func tryReceive<Result>(
    _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result? {
    try attempt(until: .now, body)
  }

  /// Waits for a message, at most so long.
  /// - Throws: `timedOut`, having taken nothing.
  @inlinable public mutating func receive<Result>(
    within duration: Duration, _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result {
    guard let result = try attempt(until: .within(duration), body) else {
      throw tooLate
    }
    return result
  }

  @inlinable mutating func attempt<Result>(
    until deadline: Deadline, _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result? {
    guard let bytes = unsafe try end.take(until: deadline) else { return nil }
    defer { end.release() }
    let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
    return body(span)
  }

  // MARK: Messages

  /// Waits for a message and reads it as a value: `receive(String.self)`.
  /// - Throws: `invalidMessage` when its bytes aren't one; the message is taken.
  public mutating func receive<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value {
    guard let value = try attempt(type, until: .never) else { throw tooLate }
    return value
  }

  /// Reads a message as a value if there is one; nil if not.
  public mutating func tryReceive<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value? {
    try attempt(type, until: .now)
  }

  /// Waits for a message, at most so long, and reads it as a value.
  /// - Throws: `timedOut`, having taken nothing.
  public mutating func receive<Value: Message>(
    _ type: Value.Type, within duration: Duration
  ) throws(ChannelError) -> Value {
    guard let value = try attempt(type, until: .within(duration)) else {
      throw tooLate
    }
    return value
  }

  private mutating func attempt<Value: Message>(
    _ type: Value.Type, until deadline: Deadline
  ) throws(ChannelError) -> Value? {
    guard let bytes = unsafe try end.take(until: deadline) else { return nil }
    defer { end.release() }
    if end.lendsSharedMemory {
      // Read once: what is checked must be what is used.
      let copy = unsafe Array(bytes)
      return try Value(decoding: copy.span)
    }
    let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
    return try Value(decoding: span)
  }

  /// Takes messages until the last sender has closed, and gives each to `body`; `body` returns false to stop.
  public mutating func forEach<Value: Message>(
    _ type: Value.Type = Value.self, _ body: (Value) -> Bool
  ) throws(ChannelError) {
    while true {
      do throws(ChannelError) {
        guard body(try receive(type)) else { return }
      } catch {
        if error.code == .closed { return }
        throw error
      }
    }
  }

  /// Closes the end now. Going out of scope does the same.
  public consuming func close() { end.close() }
}
