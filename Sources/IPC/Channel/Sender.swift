/// A process's sending end of a channel. It owns what the mechanism gave it: going out of scope closes it.
///
/// One thread at a time uses it; moving it to another is fine. Every call can throw ``ChannelError``: `closed`
/// when the last receiver has closed or died, `messageTooLong` before any byte of a message that is over
/// ``ChannelOptions/maximumMessageBytes`` is sent.
///
/// System calls: those that the mechanism's traits name (`ipc mechanisms` prints them), one per message where it
/// fits one, none where ``coalesces`` gathers it; poll(2) or futex(2) to wait.
public struct Sender: ~Copyable, @unchecked Sendable {
  // Safe to send to another thread: the only reference to the end, and every use of it is mutating.
  @usableFromInline package let end: any SenderTransport
  private var isForgotten = false
  private var writer = MessageWriter()

  package init(_ end: any SenderTransport) { self.end = end }

  deinit { if !isForgotten { end.close() } }

  /// The end was handed over: letting go of it must not close it.
  consuming func forget() { isForgotten = true }

  /// Opens the sending end of the channel with this address. A receiver must have opened it first; this waits for
  /// one, at most `patience`.
  /// - Throws: `noReceiver` when none came; `invalidAddress`, `unknownMechanism`, `wrongKind`, `notAllowed`,
  ///   `busy`, `notSupported`.
  public static func open(
    _ address: String, within patience: Duration = .seconds(5)
  ) throws(ChannelError) -> Sender {
    try open(Address(address), within: patience)
  }

  /// Opens the sending end of the channel with this address.
  public static func open(
    _ address: Address, within patience: Duration = .seconds(5)
  ) throws(ChannelError) -> Sender {
    let implementation = try Catalogue.implementation(of: address.mechanism)
    return Sender(try implementation.openSender(address, until: .within(patience)))
  }

  /// What carries the channel.
  public var mechanism: Mechanism { end.mechanism }

  /// Bytes given to the mechanism so far, framing included.
  public var bytesCarried: Int { end.bytesCarried }

  /// Whether small messages wait in this end until its buffer is full (up to 64 KiB, less where the mechanism's
  /// own unit is smaller), ``flush()`` is called, or a receiver of this process is about to wait. Many small
  /// messages then cost one system call. In shared memory, a receiver that sleeps is woken once for all of them.
  public var coalesces: Bool {
    get { end.coalesces }
    set { end.coalesces = newValue }
  }

  // MARK: Bytes

  /// Sends a message. Waits while the channel is full.
  @inlinable public mutating func send(_ bytes: Span<UInt8>) throws(ChannelError) {
    guard try attempt(bytes, until: .never) else { throw tooLate }
  }

  /// Sends a message, or nothing: false when the channel is full.
  public mutating func trySend(_ bytes: Span<UInt8>) throws(ChannelError) -> Bool {
    try attempt(bytes, until: .now)
  }

  /// Sends a message before the deadline, or nothing.
  /// - Throws: `timedOut` when the channel stayed full.
  public mutating func send(_ bytes: Span<UInt8>, within duration: Duration) throws(ChannelError) {
    guard try attempt(bytes, until: .within(duration)) else { throw .timedOut(.send, mechanism) }
  }

  @usableFromInline var tooLate: ChannelError { .timedOut(.send, mechanism) }

  @inlinable mutating func attempt(
    _ bytes: Span<UInt8>, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    unsafe try bytes.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try end.send(bytes, until: deadline)
    }
  }

  /// Sends a message of at most `capacity` bytes that `fill` writes where the receiver will read it (shared
  /// memory), or where it is written from (the rest): no copy in between.
  ///
  /// In shared memory the bytes may still hold what an earlier message left: what counts is what `fill` appends.
  public mutating func send(
    capacity: Int, _ fill: (inout OutputSpan<UInt8>) -> Void
  ) throws(ChannelError) {
    guard let room = unsafe try end.reserve(capacity, until: .never) else {
      throw .timedOut(.send, mechanism)
    }
    let typed = unsafe room.bindMemory(to: UInt8.self)
    var output = unsafe OutputSpan<UInt8>(buffer: typed, initializedCount: 0)
    fill(&output)
    let count = unsafe output.finalize(for: typed)
    guard try end.commit(count, until: .never) else { throw .timedOut(.send, mechanism) }
  }

  /// Sends a message of exactly `count` bytes, lent to `fill` where the receiver will read them (shared memory), or
  /// where they are written from (the rest). What `fill` doesn't write goes as it stands there: in shared memory what
  /// an earlier message left, so that a megabyte of which only a part matters costs what a small message costs; zeros
  /// elsewhere, and in shared memory where a message is larger than half the ring.
  @inlinable public mutating func send(
    count: Int, _ fill: (inout MutableSpan<UInt8>) -> Void
  ) throws(ChannelError) {
    guard let room = unsafe try end.reserve(count, until: .never) else {
      throw tooLate
    }
    if !end.reservesSharedMemory { unsafe room.initializeMemory(as: UInt8.self, repeating: 0) }
    var lent = unsafe MutableSpan<UInt8>(_unsafeBytes: room)
    fill(&lent)
    guard try end.commit(count, until: .never) else { throw tooLate }
  }

  // MARK: Messages

  /// Sends a value: a string, bytes, a number, or a type of yours. Waits while the channel is full.
  public mutating func send<Value: Message>(_ message: borrowing Value) throws(ChannelError) {
    guard try attempt(message, until: .never) else { throw .timedOut(.send, mechanism) }
  }

  /// Sends a value, or nothing: false when the channel is full.
  public mutating func trySend<Value: Message>(_ message: borrowing Value) throws(ChannelError) -> Bool {
    try attempt(message, until: .now)
  }

  /// Sends a value before the deadline, or nothing.
  /// - Throws: `timedOut` when the channel stayed full.
  public mutating func send<Value: Message>(
    _ message: borrowing Value, within duration: Duration
  ) throws(ChannelError) {
    guard try attempt(message, until: .within(duration)) else { throw .timedOut(.send, mechanism) }
  }

  private mutating func attempt<Value: Message>(
    _ message: borrowing Value, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    writer.removeAll()
    try message.encode(to: &writer)
    let end = self.end
    return unsafe try writer.bytes.span.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try end.send(bytes, until: deadline)
    }
  }

  // MARK: Many at once

  /// Sends several messages with as few system calls as the mechanism allows: one for all of them where they fit
  /// its unit. Waits while the channel is full.
  public mutating func send<Values: Sequence>(
    contentsOf messages: Values
  ) throws(ChannelError) where Values.Element: Message {
    let before = end.coalesces
    end.coalesces = true
    defer { end.coalesces = before }
    for message in messages { try send(message) }
    try flush()
  }

  /// Writes what ``coalesces`` has held back. Waits while the channel is full.
  public mutating func flush() throws(ChannelError) { _ = try end.flush(until: .never) }

  /// Closes the end now, after writing what it held back. Going out of scope does the same without telling what
  /// went wrong.
  public consuming func close() throws(ChannelError) {
    _ = try end.flush(until: .never)
    end.close()
  }
}
