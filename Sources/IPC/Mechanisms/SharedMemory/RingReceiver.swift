import SystemCalls

/// Reads messages where the sender wrote them, and stores from time to time how far it has read.
final class RingReceiver: ReceiverTransport {
  let mechanism: Mechanism
  let options: ChannelOptions
  var bytesCarried: Int { carried }
  private var carried = 0
  private let limit: Int

  private let endpoint: RingEndpoint
  // Its own reference: every message asks it whether the peers are gone.
  private let liveness: LivenessPipe
  private let ring: Ring
  private var spinPolicy: SpinPolicy
  private var delay: BatchingDelay
  private var head: UInt64
  /// The head as the sender sees it: stored when a quarter of the ring is free again, or nothing is left to read.
  private var storedHead: UInt64
  /// The tail as last loaded: loaded again only when everything before it is read.
  private var knownTail: UInt64
  /// The bytes that the message returned last occupies.
  private var taken = 0
  private let assembler: FragmentAssembler
  /// The fragmented message that was returned last.
  private var assembled: ByteBuffer?
  private var isClosed = false
  var traceNumber: Int32 {
    get { numberInTrace }
    set { numberInTrace = newValue }
  }
  /// 0: no trace was recorded when this endpoint was opened. Private, as the rest: no access is checked at run time.
  private var numberInTrace: Int32 = 0
  /// Closes what gives the channel its name.
  var onClose: (() -> Void)?

  /// - Throws: `protocolViolation` if the counters in the memory, which the peer made, can't be a ring's.
  init(_ endpoint: RingEndpoint, _ options: ChannelOptions) throws(ChannelError) {
    self.endpoint = endpoint
    liveness = endpoint.liveness
    ring = endpoint.ring
    mechanism = endpoint.mechanism
    self.options = options
    limit = options.maximumMessageBytes
    assembler = FragmentAssembler(mechanism, limit: limit)
    spinPolicy = SpinPolicy(options.wait)
    delay = BatchingDelay(options.wait)
    head = ring.head.load()
    storedHead = head
    knownTail = head
    // An earlier receiver of this name may have closed.
    ring.receiverClosed.store(0)
    ring.receiverHasBarrier.store(MemoryBarrier.isAvailable ? 1 : 0)
    guard head & 7 == 0 else { throw .violation(mechanism, "a ring whose head is \(head)", .open) }
  }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    while true {
      if head == knownTail, try !look() {
        guard try wait(until: deadline) else { return nil }
      }
      if let message = unsafe try next() { return unsafe message }
    }
  }

  /// One record: a whole message, lent in place. Returns nil for a fragment or a filler.
  private func next() throws(ChannelError) -> UnsafeRawBufferPointer? {
    let available = Int(knownTail &- head)
    let start = unsafe ring.pointer(head)
    let header = unsafe FrameHeader(at: start)
    let record = Ring.recordBytes(header.count)
    // A record must lie inside what the sender published, and must not wrap.
    let untilEnd = ring.bytesToEnd(head)
    guard record <= available, record <= untilEnd else {
      throw .violation(mechanism, "a record of \(record) bytes where \(min(available, untilEnd)) are")
    }
    if header.stream == Ring.fillerStream {
      advance(record)
      return nil
    }
    guard header.count <= limit else {
      throw .violation(
        mechanism, "\(header.count) bytes where a message has at most \(limit)")
    }
    let body = unsafe UnsafeRawBufferPointer(start: start + FrameHeader.size, count: header.count)
    if header.isWhole {
      assembler.drop(Self.onlySender)
      taken = record
      return unsafe body
    }
    let whole = unsafe try assembler.add(header, body, from: Self.onlySender)
    advance(record)
    guard let whole else { return nil }
    assembled = whole
    return unsafe whole.bytes
  }

  /// A ring has one sender, whatever number a frame claims.
  private static let onlySender: UInt32 = 0

  var lendsSharedMemory: Bool { assembled == nil }

  func release() {
    if taken > 0 {
      advance(taken)
      taken = 0
    }
    if let whole = assembled {
      assembled = nil
      assembler.recycle(whole)
    }
  }

  @inline(__always) private func advance(_ bytes: Int) {
    head &+= UInt64(bytes)
    carried &+= bytes
    if head == knownTail || Int(head &- storedHead) >= ring.capacity / 4 { storeHead() }
  }

  private func storeHead() {
    if numberInTrace != 0 {
      Tracer.record(
        .consumed, object: numberInTrace, size: Int(head &- storedHead), value: Int64(bitPattern: head))
    }
    storedHead = head
    ring.head.store(head)
    ring.room.notify()
  }

  /// Whether the sender has published more.
  private func look() throws(ChannelError) -> Bool {
    let tail = ring.tail.load()
    if tail == knownTail { return false }
    guard tail &- head <= UInt64(ring.capacity), tail & 7 == 0 else {
      throw .violation(mechanism, "a tail \(tail &- head) bytes ahead in a ring of \(ring.capacity)")
    }
    knownTail = tail
    return true
  }

  private func lookOrEnd() throws(ChannelError) -> Bool {
    // Asked before the ring is: what a sender published before it died is visible by then.
    let gone = liveness.peersGone || ring.senderClosed.load() != 0
    if try look() { return true }
    if gone { throw .closed(.receive, mechanism) }
    return false
  }

  private func wait(until deadline: Deadline) throws(ChannelError) -> Bool {
    if storedHead != head { storeHead() }
    if !deadline.isNow { delay.pause() }
    if try lookOrEnd() {
      delay.found(Int(knownTail &- head))
      return true
    }
    delay.foundNothing()
    if deadline.isNow { return false }
    return try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
      if try spinPolicy.spin(until: limit, { () throws(ChannelError) in try lookOrEnd() }) { return true }
      return try ring.messages.waitAlone(until: limit) { () throws(ChannelError) in try lookOrEnd() }
        ? true : nil
    } ?? false
  }

  var readiness: Readiness { .thread }
  var objects: [String] { endpoint.objects }

  func waitUntilReady(until deadline: Deadline) -> Bool {
    // Only by what both processes see: the owner may be taking a message meanwhile. It stored the head when it found
    // nothing.
    let found = try? ring.messages.waitAlone(until: deadline) { () throws(ChannelError) in
      liveness.peersGone || ring.senderClosed.load() != 0 || ring.tail.load() != ring.head.load()
    }
    return found ?? true
  }

  func close() {
    if isClosed { return }
    isClosed = true
    onClose?()
    ring.receiverClosed.store(1)
    ring.room.wake()
    endpoint.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    guard taken == 0, assembler.isEmpty else {
      throw ChannelError(
        .notSupported, .pass, mechanism,
        "this receiver is in the middle of a message: pass a receiver between messages")
    }
    if onClose != nil { throw .named(mechanism) }
    if storedHead != head { storeHead() }
    return try endpoint.transfer()
  }

  func finishTransfer() -> AnyObject? {
    isClosed = true
    return endpoint.finishTransfer()
  }
}
