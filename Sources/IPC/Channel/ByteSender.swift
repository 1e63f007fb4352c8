/// The untyped core of a ``Sender``: a message is bytes, which the caller has, or writes in place.
///
/// It owns what the mechanism gave it: going out of scope closes it. One thread at a time uses it; it may move to another.
/// Every call can throw ``ChannelError``: `closed` when the last receiver has closed or died, or this endpoint was closed
/// or passed on; `messageTooLong` before any byte of a message that is over ``ChannelOptions/maximumMessageBytes`` is sent.
///
/// Opened by itself, it has no type: it joins a channel of any type.
///
/// System calls: those that ``MechanismTraits/systemCalls`` names (`ipc mechanisms` prints them), one per message where
/// it fits one, none where ``coalesces`` batches it; poll(2) or futex(2) to wait.
public struct ByteSender: ~Copyable, @unchecked Sendable {
  // Safe to send to another thread: the only reference to the transport, and every use of it is mutating.
  @usableFromInline package private(set) var transport: any SenderTransport
  /// The bytes of the value that is being sent; kept for the next.
  @usableFromInline var writer = MessageWriter()

  package init(_ transport: any SenderTransport) { self.transport = TracedSender.traced(transport) }

  deinit { transport.close() }

  /// Takes the transport out: this endpoint is closed then.
  mutating func take() -> any SenderTransport {
    let taken = transport
    transport = ClosedTransport(mechanism, taken.options)
    return taken
  }

  /// Opens a sender to the channel with this address. A receiver must have opened it first; this waits for one, at most
  /// `timeout`.
  /// - Throws: `noReceiver` if none comes; `invalidAddress`, `unknownMechanism`, `wrongKind`, `notAllowed`,
  ///   `busy`, `notSupported`, `versionMismatch`.
  public init(to address: String, within timeout: Duration = .seconds(5)) throws(ChannelError) {
    try self.init(to: Address(address), within: timeout)
  }

  /// Opens a sender to the channel with this address.
  public init(to address: Address, within timeout: Duration = .seconds(5)) throws(ChannelError) {
    let implementation = try Catalogue.implementation(of: address.mechanism, address.options)
    self.init(try implementation.openSender(address, until: .within(timeout)))
  }

  /// Takes the sender that the parent process passed under this name.
  /// - Throws: `notSupported` if there is none, `busy` if it is taken already, `versionMismatch`.
  public init(inherited name: String) throws(ChannelError) { try self.init(inherited: name, type: nil) }

  package init(
    inherited name: String, type: MessageType?,
    _ check: (ChannelOptions, Mechanism) throws(ChannelError) -> Void = { _, _ in }
  ) throws(ChannelError) {
    let endpoint = try Inheritance.endpoint(name, .sender, type, check)
    // Until it has an owner, its objects count as untaken, and go with the parent.
    self.init(try Catalogue.implementation(of: endpoint.mechanism).adoptSender(endpoint))
    Inheritance.wasTaken(name)
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

  // MARK: Values

  /// Sends a value's bytes. Returns false if the deadline passes; nothing is sent then.
  @inlinable mutating func send<Value: Message>(
    _ value: borrowing Value, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    writer.removeAll()
    try value.encode(to: &writer)
    let transport = self.transport
    return unsafe try writer.storage.span.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try transport.send(bytes, until: deadline)
    }
  }

  /// Sends the memory of a value whose layout was checked. Returns false if the deadline passes; nothing is sent then.
  @inlinable mutating func send<Value: FixedLayoutMessage>(
    memoryOf value: borrowing Value, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let transport = self.transport
    return unsafe try withUnsafeBytes(of: copy value) { memory throws(ChannelError) in
      unsafe try transport.send(memory, until: deadline)
    }
  }

  // MARK: Flushing and closing

  /// Writes the messages that ``coalesces`` keeps in the buffer. Waits while the channel is full.
  public mutating func flush() throws(ChannelError) { _ = try transport.flush(until: .never) }

  /// Flushes and closes the sender now; closing it again does nothing. It waits only while the channel is full and the
  /// buffer holds messages: what is missing of a message that was given up isn't written, and the receiver drops that
  /// message. Going out of scope does the same without reporting an error. A variable at the top level of `main.swift` never
  /// goes out of scope.
  public mutating func close() throws(ChannelError) {
    let transport = take()
    defer { transport.close() }
    _ = try transport.flush(until: .never)
  }
}
