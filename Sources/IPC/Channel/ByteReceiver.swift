/// The untyped core of a ``Receiver``: a message is bytes, read in place.
///
/// It owns what the mechanism gave it: going out of scope closes it, and removes the channel's name if this endpoint made
/// it. One thread at a time uses it; it may move to another. Every call can throw ``ChannelError``: `closed` when the last
/// sender has closed or died and everything is received, or this endpoint was closed or passed on; `protocolViolation` if
/// the peer sends bytes that aren't a message; `typeMismatch` once for a sender of other messages, which is then ignored;
/// `truncatedMessage` for a line that its sender's death has cut (`?framing=line`).
///
/// Opened by itself, it has no type: it joins a channel of any type.
///
/// System calls: those that ``MechanismTraits/systemCalls`` names. Byte streams are read ahead, so that many small
/// messages cost one read; poll(2) or futex(2) to wait.
public struct ByteReceiver: ~Copyable, @unchecked Sendable {
  // Safe to send to another thread: the only reference to the transport, and every use of it is mutating.
  @usableFromInline package private(set) var transport: any ReceiverTransport

  package init(_ transport: any ReceiverTransport) { self.transport = TracedReceiver.traced(transport) }

  deinit { transport.close() }

  /// Takes the transport out: this endpoint is closed then.
  mutating func take() -> any ReceiverTransport {
    let taken = transport
    transport = ClosedTransport(mechanism, taken.options)
    return taken
  }

  /// Opens a receiver of the channel with this address, and makes its name where there is none, for this user alone. The
  /// name is removed when the last endpoint closes.
  /// - Throws: `invalidAddress`, `unknownMechanism`, `wrongKind`, `notAllowed`, `busy`, `notSupported`,
  ///   `versionMismatch`.
  public init(at address: String) throws(ChannelError) { try self.init(at: Address(address)) }

  /// Opens a receiver of the channel with this address.
  public init(at address: Address) throws(ChannelError) {
    let implementation = try Catalogue.implementation(of: address.mechanism, address.options)
    self.init(try implementation.openReceiver(address))
  }

  /// Takes the receiver that the parent process passed under this name.
  /// - Throws: `notSupported` if there is none, `busy` if it is taken already, `versionMismatch`.
  public init(inherited name: String) throws(ChannelError) { try self.init(inherited: name, type: nil) }

  package init(
    inherited name: String, type: MessageType?,
    _ check: (ChannelOptions, Mechanism) throws(ChannelError) -> Void = { _, _ in }
  ) throws(ChannelError) {
    let endpoint = try Inheritance.endpoint(name, .receiver, type, check)
    // Until it has an owner, its objects count as untaken, and go with the parent.
    self.init(try Catalogue.implementation(of: endpoint.mechanism).adoptReceiver(endpoint))
    Inheritance.wasTaken(name)
  }

  /// The channel's mechanism.
  public var mechanism: Mechanism { transport.mechanism }

  /// Bytes taken from the mechanism so far, framing included.
  public var bytesCarried: Int { transport.bytesCarried }

  /// Whether this process has closed this endpoint, or passed it on.
  @usableFromInline var isClosed: Bool { transport is ClosedTransport }

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

  /// As the form above, for a body that may throw. The message is taken all the same.
  /// - Throws: ``ChannelError``, or what `body` throws.
  @inlinable public mutating func receive<Result>(_ body: (Span<UInt8>) throws -> Result) throws -> Result {
    try receive { (bytes: Span<UInt8>) -> Swift.Result<Result, any Error> in .init { try body(bytes) } }.get()
  }

  /// Lends `body` a message if there is one.
  /// - Returns: nil if there is none.
  @inlinable public mutating func tryReceive<Result>(
    _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result? {
    try attempt(until: .now, body)
  }

  /// As the form above, for a body that may throw. The message is taken all the same.
  @inlinable public mutating func tryReceive<Result>(
    _ body: (Span<UInt8>) throws -> Result
  ) throws -> Result? {
    try tryReceive { (bytes: Span<UInt8>) -> Swift.Result<Result, any Error> in .init { try body(bytes) } }?
      .get()
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

  /// As the form above, for a body that may throw. The message is taken all the same.
  /// - Throws: `timedOut`, having taken nothing; what `body` throws.
  @inlinable public mutating func receive<Result>(
    within duration: Duration, _ body: (Span<UInt8>) throws -> Result
  ) throws -> Result {
    try receive(within: duration) { (bytes: Span<UInt8>) -> Swift.Result<Result, any Error> in
      .init { try body(bytes) }
    }.get()
  }

  @inlinable mutating func attempt<Result>(
    until deadline: Deadline, _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result? {
    guard let bytes = unsafe try transport.take(until: deadline) else { return nil }
    defer { transport.release() }
    let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
    return body(span)
  }

  // MARK: Values

  /// A message as a value; nil if the deadline passes. A message that isn't such a value is taken.
  @inlinable mutating func receive<Value: Message>(
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

  /// A message as a value whose layout was checked; nil if the deadline passes. A message of another size is taken.
  @inlinable mutating func receive<Value: FixedLayoutMessage>(
    memoryOf type: Value.Type, until deadline: Deadline
  ) throws(ChannelError) -> Value? {
    guard let bytes = unsafe try transport.take(until: deadline) else { return nil }
    defer { transport.release() }
    guard bytes.count == MemoryLayout<Value>.size else { throw wrongSize(bytes.count, type) }
    return unsafe FixedLayout.value(bytes)
  }

  // MARK: Closing

  /// Closes the receiver now; closing it again does nothing. Going out of scope does the same. A variable at the top level
  /// of `main.swift` never goes out of scope.
  public mutating func close() { take().close() }
}
