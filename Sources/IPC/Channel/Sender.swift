/// A process's sending endpoint of a channel. It owns what the mechanism gave it: going out of scope closes it.
///
/// One thread at a time uses it; it may move to another. ``shared()`` makes one for several threads and tasks.
///
/// Every call can throw ``ChannelError``: `closed` when the last receiver has closed or died, or this endpoint was closed
/// or passed on; `messageTooLong` before any byte of a message that is over ``ChannelOptions/maximumMessageBytes`` is
/// sent; `invalidMessage` if the value can't be encoded.
///
/// System calls: those that ``MechanismTraits/systemCalls`` names (`ipc mechanisms` prints them), one per message where
/// it fits one, none where ``coalesces`` batches it; poll(2) or futex(2) to wait.
public struct Sender<Element: Message>: ~Copyable, Sendable {
  /// The untyped core: sends bytes that are already an `Element`'s, also in place.
  public var bytes: ByteSender

  init(_ bytes: consuming ByteSender) { self.bytes = bytes }

  /// Opens a sender to the channel with this address. A receiver must have opened it first; this waits for one, at most
  /// `timeout`.
  /// - Throws: `noReceiver` if none comes; `typeMismatch` if it receives messages of another type; `invalidAddress`,
  ///   `unknownMechanism`, `wrongKind`, `notAllowed`, `busy`, `notSupported`, `versionMismatch`.
  public init(to address: String, within timeout: Duration = .seconds(5)) throws(ChannelError) {
    try self.init(to: Address(address), within: timeout)
  }

  /// Opens a sender to the channel with this address.
  public init(to address: Address, within timeout: Duration = .seconds(5)) throws(ChannelError) {
    self.init(try ByteSender(to: try address.carrying(Element.self), within: timeout))
  }

  /// Takes the sender that the parent process passed under this name.
  /// - Throws: `notSupported` if there is none, `busy` if it is taken already, `typeMismatch` if it was passed as a sender
  ///   of another type, `versionMismatch`.
  public init(inherited name: String) throws(ChannelError) {
    self.init(
      try ByteSender(inherited: name, type: try MessageType(of: Element.self)) {
        (options, mechanism) throws(ChannelError) in _ = try options.carrying(Element.self, mechanism)
      })
  }

  /// The channel's mechanism.
  public var mechanism: Mechanism { bytes.mechanism }

  /// Bytes given to the mechanism so far, framing included.
  public var bytesCarried: Int { bytes.bytesCarried }

  /// Whether small messages wait in this sender until its buffer is full (up to 64 KiB, less where the mechanism's own
  /// unit is smaller), ``flush()`` is called, or a receiver of this process is about to wait. Many small messages then
  /// cost one system call. In shared memory, a sleeping receiver is woken once for all of them.
  public var coalesces: Bool {
    get { bytes.coalesces }
    set { bytes.coalesces = newValue }
  }

  /// Sends a message. Waits while the channel is full.
  @inlinable public mutating func send(_ message: borrowing Element) throws(ChannelError) {
    guard try bytes.send(message, until: .never) else { throw bytes.timedOut }
  }

  /// Sends a message if the channel has room.
  /// - Returns: false if it is full; nothing is sent then.
  @inlinable public mutating func trySend(_ message: borrowing Element) throws(ChannelError) -> Bool {
    try bytes.send(message, until: .now)
  }

  /// Sends a message before the deadline.
  /// - Throws: `timedOut` if the channel stays full; nothing is sent then.
  @inlinable public mutating func send(
    _ message: borrowing Element, within duration: Duration
  ) throws(ChannelError) {
    guard try bytes.send(message, until: .within(duration)) else { throw bytes.timedOut }
  }

  /// Sends several messages with as few system calls as the mechanism allows: one for all of them where they fit
  /// its unit. Waits while the channel is full.
  @inlinable public mutating func send(
    contentsOf messages: some Sequence<Element>
  ) throws(ChannelError) {
    let before = coalesces
    coalesces = true
    defer { coalesces = before }
    for message in messages { try send(message) }
    try flush()
  }

  /// Writes the messages that ``coalesces`` keeps in the buffer. Waits while the channel is full.
  public mutating func flush() throws(ChannelError) { try bytes.flush() }

  /// Flushes and closes the sender now; closing it again does nothing. It waits only while the channel is full and the
  /// buffer holds messages: what is missing of a message that was given up isn't written, and the receiver drops that
  /// message. Going out of scope does the same without reporting an error. A variable at the top level of `main.swift` never
  /// goes out of scope.
  public mutating func close() throws(ChannelError) { try bytes.close() }
}

// As the forms above, without an encoder. The layout was checked when the sender was opened. The documentation has each form
// once.
extension Sender where Element: FixedLayoutMessage {
  /// Sends a message from where it lies. Waits while the channel is full.
  @_documentation(visibility: internal)
  @inlinable public mutating func send(_ message: borrowing Element) throws(ChannelError) {
    guard try bytes.send(memoryOf: message, until: .never) else { throw bytes.timedOut }
  }

  /// Sends a message from where it lies, if the channel has room.
  /// - Returns: false if it is full; nothing is sent then.
  @_documentation(visibility: internal)
  @inlinable public mutating func trySend(_ message: borrowing Element) throws(ChannelError) -> Bool {
    try bytes.send(memoryOf: message, until: .now)
  }

  /// Sends a message from where it lies, before the deadline.
  /// - Throws: `timedOut` if the channel stays full; nothing is sent then.
  @_documentation(visibility: internal)
  @inlinable public mutating func send(
    _ message: borrowing Element, within duration: Duration
  ) throws(ChannelError) {
    guard try bytes.send(memoryOf: message, until: .within(duration)) else { throw bytes.timedOut }
  }
}

extension Sender where Element == [UInt8] {
  /// Sends a message. Waits while the channel is full.
  @inlinable public mutating func send(_ message: Span<UInt8>) throws(ChannelError) {
    try bytes.send(message)
  }

  /// Sends a message of at most `capacity` bytes that `fill` writes in place; see ``ByteSender/send(capacity:_:)``.
  public mutating func send(
    capacity: Int, _ fill: (inout OutputSpan<UInt8>) -> Void
  ) throws(ChannelError) {
    try bytes.send(capacity: capacity, fill)
  }

  /// Sends a message of exactly `count` bytes, lent to `fill` in place; see ``ByteSender/send(count:_:)``.
  @inlinable public mutating func send(
    count: Int, _ fill: (inout MutableSpan<UInt8>) -> Void
  ) throws(ChannelError) {
    try bytes.send(count: count, fill)
  }
}
