/// A process's receiving endpoint of a channel. It owns what the mechanism gave it: going out of scope closes it, and
/// removes the channel's name if this endpoint made it.
///
/// ```swift
/// var jobs = try Receiver<Job>(at: "queue:jobs")
/// while let job = try jobs.next() { print(job) }
/// ```
///
/// One thread at a time uses it; it may move to another. ``shared()`` makes one for several threads and tasks.
///
/// Every call can throw ``ChannelError``: `closed` when the last sender has closed or died and everything is received, or
/// this endpoint was closed or passed on; `invalidMessage` if a message isn't an `Element`, and `protocolViolation` if the
/// peer sends bytes that aren't a message; `typeMismatch` once for a sender of other messages, which is then ignored;
/// `truncatedMessage` for a line that its sender's death has cut (`?framing=line`).
///
/// System calls: those that ``MechanismTraits/systemCalls`` names. Byte streams are read ahead, so that many small
/// messages cost one read; poll(2) or futex(2) to wait.
public struct Receiver<Element: Message>: ~Copyable, Sendable {
  /// The untyped core: receives an `Element`'s bytes.
  public var bytes: ByteReceiver

  init(_ bytes: consuming ByteReceiver) { self.bytes = bytes }

  /// Opens a receiver of the channel with this address, and makes its name where there is none, for this user alone. The
  /// name is removed when the last endpoint closes.
  /// - Throws: `typeMismatch` if the channel has messages of another type; `invalidAddress`, `unknownMechanism`,
  ///   `wrongKind`, `notAllowed`, `busy`, `notSupported`, `versionMismatch`.
  public init(at address: String) throws(ChannelError) { try self.init(at: Address(address)) }

  /// Opens a receiver of the channel with this address.
  public init(at address: Address) throws(ChannelError) {
    self.init(try ByteReceiver(at: try address.carrying(Element.self)))
  }

  /// Takes the receiver that the parent process passed under this name.
  /// - Throws: `notSupported` if there is none, `busy` if it is taken already, `typeMismatch` if it was passed as a
  ///   receiver of another type, `versionMismatch`.
  public init(inherited name: String) throws(ChannelError) {
    self.init(
      try ByteReceiver(inherited: name, type: try MessageType(of: Element.self)) {
        (options, mechanism) throws(ChannelError) in _ = try options.carrying(Element.self, mechanism)
      })
  }

  /// The channel's mechanism.
  public var mechanism: Mechanism { bytes.mechanism }

  /// Bytes taken from the mechanism so far, framing included.
  public var bytesCarried: Int { bytes.bytesCarried }

  // MARK: Values

  /// Waits for the next message.
  /// - Returns: nil once the last sender has closed or died and everything is received.
  @inlinable public mutating func next() throws(ChannelError) -> Element? {
    do throws(ChannelError) {
      return try receive()
    } catch {
      if error.code == .closed, !bytes.isClosed { return nil }
      throw error
    }
  }

  /// Waits for a message.
  /// - Throws: `closed` once the last sender has closed or died and everything is received.
  @inlinable public mutating func receive() throws(ChannelError) -> Element {
    guard let value = try bytes.receive(Element.self, until: .never) else { throw bytes.timedOut }
    return value
  }

  /// Receives a message if there is one.
  /// - Returns: nil if there is none.
  @inlinable public mutating func tryReceive() throws(ChannelError) -> Element? {
    try bytes.receive(Element.self, until: .now)
  }

  /// Waits for a message, at most for a duration.
  /// - Throws: `timedOut`, having taken nothing.
  @inlinable public mutating func receive(within duration: Duration) throws(ChannelError) -> Element {
    guard let value = try bytes.receive(Element.self, until: .within(duration)) else { throw bytes.timedOut }
    return value
  }

  // MARK: In place

  /// Waits for a message and lends its bytes to `body`, where they lie; see ``ByteReceiver``.
  @inlinable public mutating func receive<Result>(
    _ body: (Span<UInt8>) -> Result
  ) throws(ChannelError) -> Result { try bytes.receive(body) }

  /// As the form above, for a body that may throw. The message is taken all the same.
  /// - Throws: ``ChannelError``, or what `body` throws.
  @inlinable public mutating func receive<Result>(_ body: (Span<UInt8>) throws -> Result) throws -> Result {
    try bytes.receive(body)
  }

  // MARK: Closing

  /// Closes the receiver now; closing it again does nothing. Going out of scope does the same. A variable at the top level
  /// of `main.swift` never goes out of scope.
  public mutating func close() { bytes.close() }
}

// As the forms above, without a decoder. The layout was checked when the receiver was opened. The documentation has each
// form once.
extension Receiver where Element: FixedLayoutMessage {
  /// Waits for the next message.
  /// - Returns: nil once the last sender has closed or died and everything is received.
  @_documentation(visibility: internal)
  @inlinable public mutating func next() throws(ChannelError) -> Element? {
    do throws(ChannelError) {
      return try receive()
    } catch {
      if error.code == .closed, !bytes.isClosed { return nil }
      throw error
    }
  }

  /// Waits for a message.
  /// - Throws: `closed` once the last sender has closed or died and everything is received.
  @_documentation(visibility: internal)
  @inlinable public mutating func receive() throws(ChannelError) -> Element {
    guard let value = try bytes.receive(memoryOf: Element.self, until: .never) else { throw bytes.timedOut }
    return value
  }

  /// Receives a message if there is one.
  /// - Returns: nil if there is none.
  @_documentation(visibility: internal)
  @inlinable public mutating func tryReceive() throws(ChannelError) -> Element? {
    try bytes.receive(memoryOf: Element.self, until: .now)
  }

  /// Waits for a message, at most for a duration.
  /// - Throws: `timedOut`, having taken nothing.
  @_documentation(visibility: internal)
  @inlinable public mutating func receive(within duration: Duration) throws(ChannelError) -> Element {
    guard let value = try bytes.receive(memoryOf: Element.self, until: .within(duration)) else {
      throw bytes.timedOut
    }
    return value
  }
}
