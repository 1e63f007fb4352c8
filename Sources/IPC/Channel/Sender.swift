/// A process's sending endpoint of a channel. It owns what the mechanism gave it: going out of scope closes it.
///
/// One thread at a time uses it; it may move to another. Every call can throw ``ChannelError``: `closed` when the last
/// receiver has closed or died, `messageTooLong` before any byte of a message that is over
/// ``ChannelOptions/maximumMessageBytes`` is sent.
///
/// System calls: those that ``MechanismTraits/systemCalls`` names (`ipc mechanisms` prints them), one per message where
/// it fits one, none where ``coalesces`` batches it; poll(2) or futex(2) to wait.
public struct Sender: ~Copyable, @unchecked Sendable {
  // Safe to send to another thread: the only reference to the transport, and every use of it is mutating.
  @usableFromInline package let transport: any SenderTransport
  private var isPassed = false
  private var writer = MessageWriter()

  package init(_ transport: any SenderTransport) { self.transport = transport }

  deinit { if !isPassed { transport.close() } }

  /// The endpoint is on its way to a child: going out of scope must not close it.
  consuming func forget() { isPassed = true }

  /// Opens a sender to the channel with this address. A receiver must have opened it first; this waits for one, at most
  /// `timeout`.
  /// - Throws: `noReceiver` if none comes; `invalidAddress`, `unknownMechanism`, `wrongKind`, `notAllowed`,
  ///   `busy`, `notSupported`.
  public static func open(
    _ address: String, within timeout: Duration = .seconds(5)
  ) throws(ChannelError) -> Sender {
    try open(Address(address), within: timeout)
  }

  /// Opens a sender to the channel with this address.
  public static func open(
    _ address: Address, within timeout: Duration = .seconds(5)
  ) throws(ChannelError) -> Sender {
    let implementation = try Catalogue.implementation(of: address.mechanism)
    return Sender(try implementation.openSender(address, until: .within(timeout)))
  }

  /// The channel's mechanism.
  public var mechanism: Mechanism { transport.mechanism }

  /// Bytes given to the mechanism so far, framing included.
  public var bytesCarried: Int { transport.bytesCarried }

  /// Whether small messages wait in this sender until its buffer is full (up to 64 KiB, less where the mechanism's own
  /// unit is smaller), ``flush()`` is called, or a receiver of this process is about to wait. Many small messages then
  /// cost one system call. In shared memory, a sleeping receiver is woken once for all of them.
  public var coalesces: Bool {
    get { transport.coalesces }
    set { transport.coalesces = newValue }
  }

  // MARK: Bytes

  /// Sends a message. Waits while the channel is full.
  @inlinable public mutating func send(_ bytes: Span<UInt8>) throws(ChannelError) {
    let sent = unsafe try bytes.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try transport.send(bytes, until: .never)
    }
    if !sent { throw timedOut }
  }

  /// Sends a message if the channel has room.
  /// - Returns: false if it is full; nothing is sent then.
  public mutating func trySend(_ bytes: Span<UInt8>) throws(ChannelError) -> Bool {
    unsafe try bytes.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try transport.send(bytes, until: .now)
    }
  }

  /// Sends a message before the deadline.
  /// - Throws: `timedOut` if the channel stays full; nothing is sent then.
  public mutating func send(_ bytes: Span<UInt8>, within duration: Duration) throws(ChannelError) {
    let sent = unsafe try bytes.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try transport.send(bytes, until: .within(duration))
    }
    if !sent { throw timedOut }
  }

  @usableFromInline var timedOut: ChannelError { .timedOut(.send, mechanism) }

  /// Sends a message of at most `capacity` bytes that `fill` writes where the receiver will read it (shared
  /// memory), or where it is written from (the rest): no copy in between.
  ///
  /// In shared memory the room may hold bytes of an earlier message: only what `fill` appends is sent.
  public mutating func send(
    capacity: Int, _ fill: (inout OutputSpan<UInt8>) -> Void
  ) throws(ChannelError) {
    guard let room = unsafe try transport.reserve(capacity, until: .never) else {
      throw timedOut
    }
    let typed = unsafe room.bindMemory(to: UInt8.self)
    var output = unsafe OutputSpan<UInt8>(buffer: typed, initializedCount: 0)
    fill(&output)
    let count = unsafe output.finalize(for: typed)
    guard try transport.commit(count, until: .never) else { throw timedOut }
  }

  /// Sends a message of exactly `count` bytes, lent to `fill` where the receiver will read them (shared memory), or
  /// where they are written from (the rest). Bytes that `fill` doesn't write are sent as they are: in shared memory those
  /// of an earlier message, so that a megabyte of which only a part matters costs what a small message costs; zeros
  /// elsewhere, and in shared memory for a message larger than half the ring.
  @inlinable public mutating func send(
    count: Int, _ fill: (inout MutableSpan<UInt8>) -> Void
  ) throws(ChannelError) {
    guard let room = unsafe try transport.reserve(count, until: .never) else {
      throw timedOut
    }
    if !transport.reservesSharedMemory { unsafe room.initializeMemory(as: UInt8.self, repeating: 0) }
    var lent = unsafe MutableSpan<UInt8>(_unsafeBytes: room)
    fill(&lent)
    guard try transport.commit(count, until: .never) else { throw timedOut }
  }

  // MARK: Messages

  /// Sends a value: a string, bytes, a number, or a type of yours. Waits while the channel is full.
  public mutating func send<Value: Message>(_ message: borrowing Value) throws(ChannelError) {
    guard try attempt(message, until: .never) else { throw timedOut }
  }

  /// Sends a value if the channel has room.
  /// - Returns: false if it is full; nothing is sent then.
  public mutating func trySend<Value: Message>(_ message: borrowing Value) throws(ChannelError) -> Bool {
    try attempt(message, until: .now)
  }

  /// Sends a value before the deadline.
  /// - Throws: `timedOut` if the channel stays full; nothing is sent then.
  public mutating func send<Value: Message>(
    _ message: borrowing Value, within duration: Duration
  ) throws(ChannelError) {
    guard try attempt(message, until: .within(duration)) else { throw timedOut }
  }

  private mutating func attempt<Value: Message>(
    _ message: borrowing Value, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    writer.removeAll()
    try message.encode(to: &writer)
    let transport = self.transport
    return unsafe try writer.bytes.span.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try transport.send(bytes, until: deadline)
    }
  }

  // MARK: Many at once

  /// Sends several messages with as few system calls as the mechanism allows: one for all of them where they fit
  /// its unit. Waits while the channel is full.
  public mutating func send<Values: Sequence>(
    contentsOf messages: Values
  ) throws(ChannelError) where Values.Element: Message {
    let before = transport.coalesces
    transport.coalesces = true
    defer { transport.coalesces = before }
    for message in messages { try send(message) }
    try flush()
  }

  /// Writes the messages that ``coalesces`` keeps in the buffer. Waits while the channel is full.
  public mutating func flush() throws(ChannelError) { _ = try transport.flush(until: .never) }

  /// Flushes and closes the sender now. Going out of scope does the same without reporting an error.
  public consuming func close() throws(ChannelError) {
    _ = try transport.flush(until: .never)
    transport.close()
  }
}
