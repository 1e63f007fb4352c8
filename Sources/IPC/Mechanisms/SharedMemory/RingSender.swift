import SystemCalls

/// Writes messages where the receiver reads them. No system call while nobody sleeps.
package final class RingSender: SenderTransport, CoalescingTransport, @unchecked Sendable {
  // What another thread may call, flushWithoutWaiting(), touches nothing but the doorbell.
  package let mechanism: Mechanism
  package let options: ChannelOptions
  package var bytesCarried: Int { carried }
  /// A message is in place at once and costs no call, but a receiver that sleeps is only woken for several together.
  package var coalesces: Bool {
    get { gathers }
    set { gathers = newValue }
  }
  // Not visible outside, so that the compiler knows every access: a message pays for no check.
  private var carried = 0
  private var gathers: Bool
  private let limit: Int
  private var hasNews = false
  package let admitsMoreSenders = false

  private let link: RingLink
  private let ring: Ring
  private let isRegistered = MemoryBarrier.isRegistered
  private var spinPolicy: SpinPolicy
  private var tail: UInt64
  /// The head as last seen: read again only when the ring looks full.
  private var knownHead: UInt64
  private let longestRecord: Int
  private var reserved = 0
  /// A reserved message that is larger than a record: gathered here, then sent in parts.
  private var detour: ByteBuffer?
  private var isClosed = false

  /// - Throws: `protocolViolation` when the memory's counters can't be a ring's: the other side made it.
  package init(_ link: RingLink, _ options: ChannelOptions) throws(ChannelError) {
    self.link = link
    ring = link.ring
    mechanism = link.mechanism
    self.options = options
    spinPolicy = SpinPolicy(options.wait)
    tail = ring.tail.load()
    knownHead = ring.head.load()
    longestRecord = ring.capacity / 2
    gathers = options.coalesces
    limit = options.maximumMessageBytes
    // An earlier sender of this name may have closed.
    ring.senderClosed.store(0)
    guard tail & 7 == 0, knownHead & 7 == 0, tail &- knownHead <= UInt64(ring.capacity) else {
      throw .violation(mechanism, "a ring whose tail is \(tail) and whose head is \(knownHead)")
    }
  }

  @inline(__always) private static func recordBytes(_ count: Int) -> Int {
    (count + FrameHeader.size + 7) & ~7
  }

  // MARK: Sending

  package func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool {
    let count = bytes.count
    guard count <= limit else {
      throw .tooLong(count, limit: limit, mechanism)
    }
    if Self.recordBytes(count) > longestRecord { return unsafe try sendParts(bytes, until: deadline) }
    return unsafe try put(bytes, FrameHeader(stream: 0, count: count), until: deadline)
  }

  private func put(
    _ bytes: UnsafeRawBufferPointer, _ header: FrameHeader, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    guard let target = unsafe try acquire(Self.recordBytes(header.count), until: deadline) else {
      return false
    }
    if header.count > 0 {
      unsafe (target + FrameHeader.size).copyMemory(from: bytes.baseAddress!, byteCount: header.count)
    }
    unsafe target.storeBytes(of: header.bits.littleEndian, as: UInt64.self)
    publish(Self.recordBytes(header.count))
    return true
  }

  /// Larger than half the ring: in parts. Given up between two of them, the next message begins anew and the
  /// receiver drops what it has of this one.
  private func sendParts(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let most = ring.capacity / 4 - FrameHeader.size
    var offset = 0
    while offset < bytes.count {
      let end = min(offset + most, bytes.count)
      let header = FrameHeader(
        stream: 0, count: end - offset, continues: offset > 0, more: end < bytes.count)
      let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
      guard unsafe try put(part, header, until: deadline) else { return false }
      offset = end
    }
    return true
  }

  package func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? {
    guard capacity <= limit else {
      throw .tooLong(capacity, limit: limit, mechanism)
    }
    reserved = capacity
    if Self.recordBytes(capacity) > longestRecord {
      let buffer = ByteBuffer(capacity: capacity)
      detour = buffer
      return unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.room(capacity)[..<capacity])
    }
    guard let target = unsafe try acquire(Self.recordBytes(capacity), until: deadline) else { return nil }
    return unsafe UnsafeMutableRawBufferPointer(start: target + FrameHeader.size, count: capacity)
  }

  package var reservesSharedMemory: Bool { detour == nil }

  package func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    precondition(count <= reserved, "more bytes than were reserved")
    if let buffer = detour {
      detour = nil
      buffer.filled(count)
      return unsafe try send(buffer.bytes, until: deadline)
    }
    unsafe ring.pointer(tail).storeBytes(
      of: FrameHeader(stream: 0, count: count).bits.littleEndian, as: UInt64.self)
    publish(Self.recordBytes(count))
    return true
  }

  package func flush(until deadline: Deadline) throws(ChannelError) -> Bool {
    announce()
    return true
  }

  package func flushWithoutWaiting() -> Bool {
    ring.messages.notify()
    return true
  }

  private func announce() {
    guard hasNews else { return }
    hasNews = false
    FlushRegistry.remove(self)
    ring.messages.notify()
  }

  // MARK: Room

  @inline(__always) private func publish(_ bytes: Int) {
    tail &+= UInt64(bytes)
    carried &+= bytes
    ring.tail.store(tail)
    if !gathers {
      if isRegistered, ring.receiverPassesBarriers.relaxed() == 1 {
        ring.messages.notifyWithoutBarrier()
      } else {
        ring.messages.notify()
      }
    } else if !hasNews {
      hasNews = true
      FlushRegistry.register(self)
    }
  }

  /// Where a record of `bytes` goes; nil: no room before the deadline. Nothing is visible until it is published.
  @inline(__always) private func acquire(
    _ bytes: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawPointer? {
    if link.liveness.peersGone || ring.receiverClosed.relaxed() != 0 { throw .closed(.send, mechanism) }
    let untilEnd = ring.capacity - Int(tail & UInt64(ring.capacity - 1))
    let needed = bytes <= untilEnd ? bytes : untilEnd + bytes
    if Int(tail &- knownHead) + needed > ring.capacity {
      guard try waitForRoom(needed, until: deadline) else { return nil }
    }
    if bytes > untilEnd {
      // The receiver skips this; it becomes visible together with the record behind it, or the next.
      unsafe ring.pointer(tail).storeBytes(
        of: FrameHeader(stream: Ring.fillerStream, count: untilEnd - FrameHeader.size).bits.littleEndian,
        as: UInt64.self)
      tail &+= UInt64(untilEnd)
    }
    return unsafe ring.pointer(tail)
  }

  private func hasRoom(_ needed: Int) throws(ChannelError) -> Bool {
    if link.liveness.peersGone || ring.receiverClosed.load() != 0 { throw .closed(.send, mechanism) }
    let head = ring.head.load()
    // The receiver says how far it has read; one that lies is told so.
    guard tail &- head <= UInt64(ring.capacity), head & 7 == 0 else {
      throw ChannelError(
        .protocolViolation, .send, mechanism,
        "the receiver claims to have read what was never sent: close this channel and look at who reads it")
    }
    knownHead = head
    return Int(tail &- head) + needed <= ring.capacity
  }

  private func waitForRoom(_ needed: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    if try hasRoom(needed) { return true }
    // The receiver may sleep on what it wasn't told of.
    announce()
    if deadline.isNow { return false }
    _ = FlushRegistry.flushBeforeWaiting()
    if try spinPolicy.spin(until: deadline, { () throws(ChannelError) in try hasRoom(needed) }) {
      return true
    }
    return try ring.room.waitAlone(until: deadline) { () throws(ChannelError) in try hasRoom(needed) }
  }

  package var readiness: Readiness { .waiting }

  package func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    let record = min(Self.recordBytes(count), longestRecord)
    // By what both sides see alone: the owner may be sending meanwhile.
    let found = try? ring.room.waitAlone(until: deadline) { () throws(ChannelError) in
      if link.liveness.peersGone || ring.receiverClosed.load() != 0 { return true }
      let tail = ring.tail.load()
      let untilEnd = ring.capacity - Int(tail & UInt64(ring.capacity - 1))
      let needed = record <= untilEnd ? record : untilEnd + record
      let used = tail &- ring.head.load()
      // One that claims what can't be is the next send's to find.
      return used > UInt64(ring.capacity) || Int(used) + needed <= ring.capacity
    }
    return found ?? true
  }

  package var wholeBytes: Int { longestRecord - FrameHeader.size }

  package func close() {
    if isClosed { return }
    isClosed = true
    announce()
    ring.senderClosed.store(1)
    ring.messages.wake()
    link.close()
  }

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    announce()
    let carried = try link.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.isClosed = true
      return carried.surrender()
    }
  }
}
