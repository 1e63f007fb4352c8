import SystemCalls

/// Writes messages where the receiver reads them. It makes no system call while no process sleeps.
final class RingSender: SenderTransport, CoalescingTransport, @unchecked Sendable {
  // Another thread may call flushWithoutWaiting() only, which touches nothing but the event count.
  let mechanism: Mechanism
  let options: ChannelOptions
  var bytesCarried: Int { carried }
  /// A message is in place at once and costs no call, but a sleeping receiver is woken only once for several.
  var coalesces: Bool {
    get { batches }
    set { batches = newValue }
  }
  // Private, so that the compiler knows every access and checks none of them at run time.
  var givesUp: (() -> Bool)?
  private var carried = 0
  private var batches: Bool
  private let limit: Int
  private var isRegistered = false
  var traceNumber: Int32 {
    get { numberInTrace }
    set { numberInTrace = newValue }
  }
  /// 0: no trace was recorded when this endpoint was opened. Private, as the rest: no access is checked at run time.
  private var numberInTrace: Int32 = 0
  let admitsMoreSenders = false

  private let endpoint: RingEndpoint
  // Its own reference: every message asks it whether the peers are gone.
  private let liveness: LivenessPipe
  private let ring: Ring
  private let hasMembarrier = MemoryBarrier.isRegistered
  private var spinPolicy: SpinPolicy
  private var tail: UInt64
  /// The head as last loaded: loaded again only when the ring looks full.
  private var knownHead: UInt64
  private let longestRecord: Int
  private var reserved = 0
  /// A reserved message that is larger than a record: written here, then sent in fragments.
  private var large: ByteBuffer?
  private var isClosed = false

  /// - Throws: `protocolViolation` if the counters in the memory, which the peer made, can't be a ring's.
  init(_ endpoint: RingEndpoint, _ options: ChannelOptions) throws(ChannelError) {
    self.endpoint = endpoint
    liveness = endpoint.liveness
    ring = endpoint.ring
    mechanism = endpoint.mechanism
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
    tail = ring.tail.load()
    knownHead = ring.head.load()
    longestRecord = ring.capacity / 2
    batches = options.coalesces
    limit = options.maximumMessageBytes
    // An earlier sender of this name may have closed.
    ring.senderClosed.store(0)
    guard tail & 7 == 0, knownHead & 7 == 0, tail &- knownHead <= UInt64(ring.capacity) else {
      throw .violation(mechanism, "a ring whose tail is \(tail) and whose head is \(knownHead)", .open)
    }
  }

  // MARK: Sending

  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    let count = bytes.count
    guard count <= limit else {
      throw .tooLong(count, limit: limit, mechanism)
    }
    if Ring.recordBytes(count) > longestRecord { return unsafe try sendFragments(bytes, until: deadline) }
    return unsafe try put(bytes, FrameHeader(stream: 0, count: count), until: deadline)
  }

  private func put(
    _ bytes: UnsafeRawBufferPointer, _ header: FrameHeader, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    guard let target = unsafe try acquire(Ring.recordBytes(header.count), until: deadline) else {
      return false
    }
    if header.count > 0 {
      unsafe (target + FrameHeader.size).copyMemory(from: bytes.baseAddress!, byteCount: header.count)
    }
    unsafe header.store(at: target)
    publish(Ring.recordBytes(header.count))
    return true
  }

  /// A message larger than half the ring, in fragments. If it is given up between two of them, the next message
  /// begins anew and the receiver drops what it has of this one.
  private func sendFragments(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let most = ring.capacity / 4 - FrameHeader.size
    var offset = 0
    while offset < bytes.count {
      let end = min(offset + most, bytes.count)
      let header = FrameHeader(
        stream: 0, count: end - offset, continues: offset > 0, more: end < bytes.count)
      let fragment = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
      guard unsafe try put(fragment, header, until: deadline) else { return false }
      offset = end
    }
    return true
  }

  func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? {
    guard capacity <= limit else {
      throw .tooLong(capacity, limit: limit, mechanism)
    }
    reserved = capacity
    if Ring.recordBytes(capacity) > longestRecord {
      let buffer = ByteBuffer(capacity: capacity)
      large = buffer
      return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.room(capacity)[..<capacity])
    }
    guard let target = unsafe try acquire(Ring.recordBytes(capacity), until: deadline) else { return nil }
    return unsafe UnsafeMutableRawBufferPointer(start: target + FrameHeader.size, count: capacity)
  }

  var reservesSharedMemory: Bool { large == nil }

  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    precondition(count <= reserved, "more bytes than were reserved")
    if let buffer = large {
      large = nil
      buffer.filled(count)
      return unsafe try send(buffer.bytes, until: deadline)
    }
    unsafe FrameHeader(stream: 0, count: count).store(at: ring.pointer(tail))
    publish(Ring.recordBytes(count))
    return true
  }

  func flush(until deadline: Deadline) throws(ChannelError) -> Bool {
    notifyIfRegistered()
    return true
  }

  func flushWithoutWaiting() -> Bool {
    ring.messages.notify()
    return true
  }

  private func notifyIfRegistered() {
    guard isRegistered else { return }
    isRegistered = false
    FlushRegistry.remove(self)
    ring.messages.notify()
  }

  // MARK: Room

  @inline(__always) private func publish(_ bytes: Int) {
    tail &+= UInt64(bytes)
    carried &+= bytes
    ring.tail.store(tail)
    if numberInTrace != 0 {
      Tracer.record(.published, object: numberInTrace, size: bytes, value: Int64(bitPattern: tail))
    }
    if !batches {
      if hasMembarrier, ring.receiverHasBarrier.relaxed() == 1 {
        ring.messages.notifyWithoutBarrier()
      } else {
        ring.messages.notify()
      }
    } else if !isRegistered {
      isRegistered = true
      FlushRegistry.register(self)
    }
  }

  /// Where a record of `bytes` goes; nil if there is no room before the deadline. Nothing is visible until it is
  /// published.
  @inline(__always) private func acquire(
    _ bytes: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawPointer? {
    if liveness.peersGone || ring.receiverClosed.relaxed() != 0 { throw .closed(.send, mechanism) }
    let untilEnd = ring.bytesToEnd(tail)
    let needed = bytes <= untilEnd ? bytes : untilEnd + bytes
    if Int(tail &- knownHead) + needed > ring.capacity {
      guard try waitForRoom(needed, until: deadline) else { return nil }
    }
    if bytes > untilEnd {
      // The receiver skips this; it becomes visible together with the record behind it, or the next.
      unsafe FrameHeader(stream: Ring.fillerStream, count: untilEnd - FrameHeader.size).store(
        at: ring.pointer(tail))
      tail &+= UInt64(untilEnd)
    }
    return unsafe ring.pointer(tail)
  }

  private func hasRoom(_ needed: Int) throws(ChannelError) -> Bool {
    if liveness.peersGone || ring.receiverClosed.load() != 0 { throw .closed(.send, mechanism) }
    let head = ring.head.load()
    // A hostile receiver may store any head.
    guard tail &- head <= UInt64(ring.capacity), head & 7 == 0 else {
      throw ChannelError(
        .protocolViolation, .send, mechanism,
        "the receiver reports more bytes as read than were sent: close this channel and check the program that receives"
      )
    }
    knownHead = head
    return Int(tail &- head) + needed <= ring.capacity
  }

  private func waitForRoom(_ needed: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    if try hasRoom(needed) { return true }
    // The receiver may sleep beside messages that it wasn't woken for.
    notifyIfRegistered()
    if deadline.isNow { return false }
    _ = FlushRegistry.flushBeforeWaiting()
    if try spinPolicy.spin(until: deadline, { () throws(ChannelError) in try hasRoom(needed) }) {
      return true
    }
    guard let givesUp else {
      return try ring.room.waitAlone(until: deadline) { () throws(ChannelError) in try hasRoom(needed) }
    }
    while true {
      let limit = min(deadline, .within(Self.lookInterval))
      if try ring.room.waitAlone(until: limit, { () throws(ChannelError) in try hasRoom(needed) }) {
        return true
      }
      if deadline.hasPassed || givesUp() { return false }
    }
  }

  var readiness: Readiness { .thread }
  var objects: [String] { endpoint.objects }

  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    let record = min(Ring.recordBytes(count), longestRecord)
    // Only by what both processes see: the owner may be sending meanwhile.
    let found = try? ring.room.waitAlone(until: deadline) { () throws(ChannelError) in
      if liveness.peersGone || ring.receiverClosed.load() != 0 { return true }
      let tail = ring.tail.load()
      let untilEnd = ring.bytesToEnd(tail)
      let needed = record <= untilEnd ? record : untilEnd + record
      let used = tail &- ring.head.load()
      // The next send reports a head that can't be.
      return used > UInt64(ring.capacity) || Int(used) + needed <= ring.capacity
    }
    return found ?? true
  }

  var atomicMessageBytes: Int { longestRecord - FrameHeader.size }

  func close() {
    if isClosed { return }
    isClosed = true
    notifyIfRegistered()
    ring.senderClosed.store(1)
    ring.messages.wake()
    endpoint.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    notifyIfRegistered()
    return try endpoint.transfer()
  }

  func finishTransfer() -> AnyObject? {
    isClosed = true
    return endpoint.finishTransfer()
  }
}
