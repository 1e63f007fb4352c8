import SystemCalls

/// Reads messages where the sender wrote them, and says from time to time how far it has come.
package final class RingReceiver: ReceiverTransport {
  package let mechanism: Mechanism
  package let options: ChannelOptions
  package var bytesCarried: Int { carried }
  private var carried = 0
  private let limit: Int

  private let link: RingLink
  private let ring: Ring
  private var spinPolicy: SpinPolicy
  private var stride: Stride
  private var head: UInt64
  /// The head as the sender knows it: told when a quarter of the ring is free again, or nothing is left to read.
  private var toldHead: UInt64
  /// The tail as last seen: read again only when everything before was read.
  private var knownTail: UInt64
  /// What the message handed out last occupies.
  private var taken = 0
  private var partial: ByteBuffer?
  private var assembled: ByteBuffer?
  /// Memory for the next message in parts.
  private var spare: ByteBuffer?
  private var isClosed = false
  /// What else goes with this end, where it has a name.
  var onClose: (() -> Void)?

  /// - Throws: `protocolViolation` when the memory's counters can't be a ring's: the other side made it.
  package init(_ link: RingLink, _ options: ChannelOptions) throws(ChannelError) {
    self.link = link
    ring = link.ring
    mechanism = link.mechanism
    self.options = options
    limit = options.maximumMessageBytes
    spinPolicy = SpinPolicy(options.wait)
    stride = Stride(options.wait)
    head = ring.head.load()
    toldHead = head
    knownTail = head
    // An earlier receiver of this name may have closed.
    ring.receiverClosed.store(0)
    ring.receiverPassesBarriers.store(MemoryBarrier.isAvailable ? 1 : 0)
    guard head & 7 == 0 else { throw .violation(mechanism, "a ring whose head is \(head)") }
  }

  package func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    while true {
      if head == knownTail, try !look() {
        guard try wait(until: deadline) else { return nil }
      }
      if let message = unsafe try next() { return unsafe message }
    }
  }

  /// One record: a whole message, lent in place; or a part or filler, which is nothing yet.
  private func next() throws(ChannelError) -> UnsafeRawBufferPointer? {
    let available = Int(knownTail &- head)
    let start = unsafe ring.pointer(head)
    let header = FrameHeader(UInt64(littleEndian: unsafe start.load(as: UInt64.self)))
    let record = (header.count + FrameHeader.size + 7) & ~7
    // What the sender claims is checked before it is believed: inside what it published, and not over the end.
    let untilEnd = ring.capacity - Int(head & UInt64(ring.capacity - 1))
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
    if !header.continues && !header.more {
      if partial != nil { partial = nil }
      taken = record
      return unsafe body
    }
    let whole = unsafe try gather(header, body)
    advance(record)
    guard let whole else { return nil }
    assembled = whole
    return unsafe whole.bytes
  }

  private func gather(
    _ header: FrameHeader, _ body: UnsafeRawBufferPointer
  ) throws(ChannelError) -> ByteBuffer? {
    if !header.continues {
      partial = spare ?? ByteBuffer(capacity: body.count * 2)
      partial?.removeAll()
      spare = nil
    }
    guard let message = partial else { return nil }
    guard message.count + body.count <= options.maximumMessageBytes else {
      throw .violation(mechanism, "parts that add up to more than \(options.maximumMessageBytes) bytes")
    }
    unsafe message.append(body)
    if header.more { return nil }
    partial = nil
    return message
  }

  package var lendsSharedMemory: Bool { assembled == nil }

  package func release() {
    if taken > 0 {
      advance(taken)
      taken = 0
    }
    if let whole = assembled {
      assembled = nil
      whole.removeAll()
      if whole.isWorthKeeping { spare = whole }
    }
  }

  @inline(__always) private func advance(_ bytes: Int) {
    head &+= UInt64(bytes)
    carried &+= bytes
    if head == knownTail || Int(head &- toldHead) >= ring.capacity / 4 { tell() }
  }

  private func tell() {
    toldHead = head
    ring.head.store(head)
    ring.room.notify()
  }

  /// Whether more was published.
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
    // Asked before the ring is: what a sender published before it died can be seen by then.
    let gone = link.liveness.peersGone || ring.senderClosed.load() != 0
    if try look() { return true }
    if gone { throw .closed(.receive, mechanism) }
    return false
  }

  private func wait(until deadline: Deadline) throws(ChannelError) -> Bool {
    if toldHead != head { tell() }
    if !deadline.isNow { stride.pause() }
    if try lookOrEnd() {
      stride.found(Int(knownTail &- head))
      return true
    }
    stride.foundNothing()
    if deadline.isNow { return false }
    return try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
      if try spinPolicy.spin(until: limit, { () throws(ChannelError) in try lookOrEnd() }) { return true }
      return try ring.messages.waitAlone(until: limit) { () throws(ChannelError) in try lookOrEnd() }
        ? true : nil
    } ?? false
  }

  package var readiness: Readiness { .waiting }

  package func waitUntilReady(until deadline: Deadline) -> Bool {
    // By what both sides see alone: the owner may be taking meanwhile. It has told how far it is where it found nothing.
    let found = try? ring.messages.waitAlone(until: deadline) { () throws(ChannelError) in
      link.liveness.peersGone || ring.senderClosed.load() != 0 || ring.tail.load() != ring.head.load()
    }
    return found ?? true
  }

  package func close() {
    if isClosed { return }
    isClosed = true
    onClose?()
    ring.receiverClosed.store(1)
    ring.room.wake()
    link.close()
  }

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    guard taken == 0, partial == nil else {
      throw ChannelError(
        .notSupported, .pass, mechanism, "a message is being read: hand a receiver over between messages")
    }
    if onClose != nil { throw .named(mechanism) }
    if toldHead != head { tell() }
    let carried = try link.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}
