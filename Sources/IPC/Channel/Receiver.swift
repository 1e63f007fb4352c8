/// A process's receiving endpoint of a channel. It owns what the mechanism gave it: going out of scope closes it, and
/// removes the channel's name if this endpoint made it.
///
/// One thread at a time uses it; it may move to another. Every call can throw ``ChannelError``: `closed` when the last
/// sender has closed or died and everything is received, `protocolViolation` if the peer sends bytes that aren't a
/// message.
///
/// System calls: those that ``MechanismTraits/systemCalls`` names. Byte streams are read ahead, so that many small
/// messages cost one read; poll(2) or futex(2) to wait.
public struct Receiver: ~Copyable, @unchecked Sendable {
  // Safe to send to another thread: the only reference to the transport, and every use of it is mutating.
  @usableFromInline package let transport: any ReceiverTransport
  private var isPassed = false

  package init(_ transport: any ReceiverTransport) { self.transport = transport }

  deinit { if !isPassed { transport.close() } }

  /// The endpoint is on its way to a child: going out of scope must not close it.
  consuming func forget() { isPassed = true }

  /// Opens a receiver of the channel with this address, and makes its name where there is none, for this user alone. The
  /// name is removed when the last endpoint closes.
  /// - Throws: `invalidAddress`, `unknownMechanism`, `wrongKind`, `notAllowed`, `busy`, `notSupported`.
  public static func open(_ address: String) throws(ChannelError) -> Receiver {
    try open(Address(address))
  }

  /// Opens a receiver of the channel with this address.
  public static func open(_ address: Address) throws(ChannelError) -> Receiver {
    let implementation = try Catalogue.implementation(of: address.mechanism)
    return Receiver(try implementation.openReceiver(address))
  }

  /// The channel's mechanism.
  public var mechanism: Mechanism { transport.mechanism }

  /// Bytes taken from the mechanism so far, framing included.
  public var bytesCarried: Int { transport.bytesCarried }

  @usableFromInline var timedOut: ChannelError { .timedOut(.receive, mechanism) }

  // MARK: In place

  /// Waits for a message and lends it to `body`, where it lies: in the read-ahead buffer, or in shared memory, where a
  /// hostile sender could still change it, so read it once. The message is taken, whatever `body` does with it.
  @inlinable public mutating func receive<Result>(
    _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result {
    guard let result = try attempt(until: .never, body) else { throw timedOut }
    return result
  }

  /// Lends `body` a message if there is one.
  /// - Returns: nil if there is none.
  @inlinable public mutating func tryReceive<Result>(
    _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result? {
    try attempt(until: .now, body)
  }

  /// Waits for a message, at most for a duration.
  /// - Throws: `timedOut`, having taken nothing.
  @inlinable public mutating func receive<Result>(
    within duration: Duration, _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result {
    guard let result = try attempt(until: .within(duration), body) else {
      throw timedOut
    }
    return result
  }

  @inlinable mutating func attempt<Result>(
    until deadline: Deadline, _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result? {
    guard let bytes = unsafe try transport.take(until: deadline) else { return nil }
    defer { transport.release() }
    let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
    return body(span)
  }

  // MARK: Messages

  /// Waits for a message and reads it as a value: `receive(String.self)`.
  /// - Throws: `invalidMessage` if its bytes aren't such a value; the message is taken.
  public mutating func receive<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value {
    guard let value = try attempt(type, until: .never) else { throw timedOut }
    return value
  }

  /// Reads a message as a value if there is one.
  /// - Returns: nil if there is none.
  public mutating func tryReceive<Value: Message>(_ type: Value.Type) throws(ChannelError) -> Value? {
    try attempt(type, until: .now)
  }

  /// Waits for a message, at most for a duration, and reads it as a value.
  /// - Throws: `timedOut`, having taken nothing.
  public mutating func receive<Value: Message>(
    _ type: Value.Type, within duration: Duration
  ) throws(ChannelError) -> Value {
    guard let value = try attempt(type, until: .within(duration)) else {
      throw timedOut
    }
    return value
  }

  private mutating func attempt<Value: Message>(
    _ type: Value.Type, until deadline: Deadline
  ) throws(ChannelError) -> Value? {
    guard let bytes = unsafe try transport.take(until: deadline) else { return nil }
    defer { transport.release() }
    if transport.lendsSharedMemory {
      // Copied once: the bytes that are checked must be the bytes that are used.
      let copy = unsafe Array(bytes)
      return try Value(decoding: copy.span)
    }
    let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
    return try Value(decoding: span)
  }

  /// Receives messages until the last sender has closed, and calls `body` with each; `body` returns false to stop.
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

  /// Closes the receiver now. Going out of scope does the same.
  public consuming func close() { transport.close() }
}
