import Synchronization
import SystemCalls

/// The sending end of every mechanism that carries bytes: frames a message, splits it where it must, gathers
/// small ones where it may, and gives up without leaving half a message behind.
package final class FramedSender: SenderTransport, CoalescingTransport, @unchecked Sendable {
  package let mechanism: Mechanism
  package let options: ChannelOptions
  package let sink: any ByteWriter
  package var bytesCarried: Int { carried }
  package var coalesces: Bool {
    get { gathers }
    set { gathers = newValue }
  }

  // Not generic and not visible outside, so that the compiler knows every access: a message pays for no check.
  private var carried = 0
  private var gathers: Bool
  let stream: UInt32
  private let isStream: Bool
  let unitBytes: Int
  private let usesFrames: Bool
  private let blocks: Bool
  private let limit: Int
  private var spinPolicy: SpinPolicy
  /// Small messages that wait to be written together, or a reserved message.
  private let pending: ByteBuffer
  private let gatherLimit: Int
  private var reserved = 0
  /// On a stream: what a message that was given up still owes it.
  private var debt = AbandonedFrame()
  /// Whether anything is owed. Apart from it, so that a message's look at it pays for no check.
  private var owes = false
  private var isClosed = false
  private let lockOfOwner = OwnerLock()
  private var noted = false
  private var reservedLocked = false

  package init(_ mechanism: Mechanism, _ sink: any ByteWriter, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.sink = sink
    self.options = options
    stream = !sink.partsInterleave ? 0 : UInt32.random(in: 2..<(1 << 31))
    spinPolicy = SpinPolicy(options.wait)
    gatherLimit = min(sink.unitBytes, 1 << 16)
    pending = ByteBuffer(capacity: min(gatherLimit, 4096))
    gathers = options.coalesces
    isStream = sink.isStream
    unitBytes = sink.unitBytes
    usesFrames = options.framing == .frames
    blocks = options.wait == .block
    limit = options.maximumMessageBytes
  }

  // MARK: SenderTransport

  @inline(__always) package func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline)
    throws(ChannelError) -> Bool
  {
    // The common case: nothing is held back, and it goes in one call.
    if !gathers, !noted, pending.count == 0, usesFrames, !owes, bytes.count <= limit,
      isStream ? deadline.isNever : bytes.count + FrameHeader.size <= unitBytes
    {
      var bits = FrameHeader(stream: stream, count: bytes.count).bits.littleEndian
      return unsafe try withUnsafeBytes(of: &bits) { head throws(ChannelError) in
        if blocks, deadline.isNever {
          let count = unsafe try sink.write(head, bytes, .whole, until: .never)
          carried += count
          return count == FrameHeader.size + bytes.count
            ? true : unsafe try putRest(head, bytes, .whole, from: count)
        }
        return unsafe try put(head, bytes, .whole, deadline)
      }
    }
    let locked = lock()
    defer { unlock(locked) }
    // Nearly as common: it waits for others.
    let total = FrameHeader.size + bytes.count
    if gathers, noted, usesFrames, !owes, bytes.count <= limit, total <= pending.free,
      pending.count + total <= gatherLimit
    {
      let back = unsafe pending.back
      if bytes.count > 0 {
        unsafe (back + FrameHeader.size).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      }
      unsafe back.storeBytes(
        of: FrameHeader(stream: stream, count: bytes.count).bits.littleEndian, as: UInt64.self)
      pending.filled(total)
      return true
    }
    return unsafe try sendAlone(bytes, until: deadline)
  }

  private func sendAlone(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    guard bytes.count <= limit else {
      throw .tooLong(bytes.count, limit: limit, mechanism)
    }
    if !usesFrames { unsafe try checkLine(bytes) }
    let total = bytes.count + overhead
    if gathers, total <= gatherLimit {
      if pending.count + total > gatherLimit {
        guard try flushAlone(until: deadline) else { return false }
      }
      unsafe append(bytes)
      note()
      return true
    }
    guard try flushAlone(until: deadline) else { return false }
    return unsafe try sendUnbuffered(bytes, until: deadline)
  }

  package func reserve(
    _ capacity: Int, until deadline: Deadline
  ) throws(ChannelError) -> UnsafeMutableRawBufferPointer? {
    guard capacity <= limit else {
      throw .tooLong(capacity, limit: limit, mechanism)
    }
    let locked = lock()
    // The message is filled in where it will stand in the buffer that it is written from, behind its header.
    if !(gathers && pending.count + capacity + overhead <= gatherLimit) {
      do {
        guard try flushAlone(until: deadline) else {
          unlock(locked)
          return nil
        }
      } catch {
        unlock(locked)
        throw error
      }
    }
    let room = unsafe pending.room(capacity + overhead)
    reserved = capacity
    reservedLocked = locked
    let offset = usesFrames ? FrameHeader.size : 0
    return unsafe UnsafeMutableRawBufferPointer(rebasing: room[offset..<(offset + capacity)])
  }

  package func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool {
    precondition(count <= reserved, "more bytes than were reserved")
    defer { unlock(reservedLocked) }
    let room = unsafe pending.room(reserved + overhead)
    let offset = usesFrames ? FrameHeader.size : 0
    let body = unsafe UnsafeRawBufferPointer(rebasing: room[offset..<(offset + count)])
    if !usesFrames { unsafe try checkLine(body) }
    if gathers, pending.count + count + overhead <= gatherLimit {
      unsafe finish(room, count)
      note()
      return true
    }
    // Nothing else is pending: reserve() flushed. What fits one write goes from where it stands.
    if count + overhead <= unitBytes, !isStream || deadline.isNever, usesFrames {
      unsafe finish(room, count)
      defer { pending.removeAll() }
      return unsafe try put(pending.bytes, Self.none, .whole, deadline)
    }
    return unsafe try sendUnbuffered(body, until: deadline)
  }

  private func sendUnbuffered(
    _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    if !usesFrames { return unsafe try sendLine(body, until: deadline) }
    if isStream { return unsafe try sendStream(body, until: deadline) }
    return unsafe try sendParts(body, until: deadline)
  }

  package var readiness: Readiness { sink.readiness }
  package func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    sink.waitUntilReady(min(count + overhead, unitBytes), until: deadline)
  }
  /// A byte stream that poll(2) calls writable has room for a page (pipe(7)).
  package var wholeBytes: Int { min(unitBytes, isStream ? 4096 : unitBytes) - FrameHeader.size * 2 }

  package func flush(until deadline: Deadline) throws(ChannelError) -> Bool {
    let locked = lock()
    defer { unlock(locked) }
    return try flushAlone(until: deadline)
  }

  package func flushWithoutWaiting() -> Bool {
    guard lockOfOwner.visit() else { return false }
    defer { lockOfOwner.endVisit() }
    if isClosed { return true }
    do {
      return try flushAlone(until: .now)
    } catch {
      return true
    }
  }

  private func flushAlone(until deadline: Deadline) throws(ChannelError) -> Bool {
    guard try settle(until: deadline) else { return false }
    while pending.count > 0 {
      let count = unsafe try write(pending.bytes, Self.none, .whole, deadline)
      if count == 0 { return false }
      pending.dropFirst(count)
    }
    pending.removeAll()
    if noted {
      noted = false
      FlushRegistry.remove(self)
    }
    return true
  }

  private func note() {
    if noted { return }
    noted = true
    FlushRegistry.register(self)
  }

  package func close() {
    if isClosed { return }
    // What a message that was given up still owes matters only to messages behind it.
    if pending.count > 0 { _ = try? flush(until: .never) }
    end()
    sink.close()
  }

  package func discard() {
    lockOfOwner.enter()
    pending.removeAll()
    lockOfOwner.leave()
  }

  /// After this no other thread touches the sink: one that is about to flush finds the end closed.
  private func end() {
    lockOfOwner.enter()
    isClosed = true
    pending.removeAll()
    lockOfOwner.leave()
    FlushRegistry.remove(self)
  }

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    guard try flush(until: .never) else { throw .timedOut(.pass, mechanism) }
    let carried = try sink.transfer()
    return EndpointTransfer(parameters: carried.parameters, descriptors: carried.descriptors) {
      self.end()
      return carried.surrender()
    }
  }

  // MARK: One at a time

  /// While messages are held back, another thread of the process may flush them before it waits; the owner and
  /// that thread exclude each other. An end that holds nothing back needs no lock.
  private func lock() -> Bool {
    guard gathers || noted else { return false }
    lockOfOwner.enter()
    return true
  }

  private func unlock(_ locked: Bool) {
    if locked { lockOfOwner.leave() }
  }

  // MARK: Framing

  static var none: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: nil, count: 0) }

  package var admitsMoreSenders: Bool { !isStream }

  private var overhead: Int { usesFrames ? FrameHeader.size : 1 }

  private func append(_ bytes: UnsafeRawBufferPointer) {
    let room = unsafe pending.room(bytes.count + overhead)
    let offset = usesFrames ? FrameHeader.size : 0
    if bytes.count > 0 {
      unsafe UnsafeMutableRawBufferPointer(rebasing: room[offset...]).copyMemory(from: bytes)
    }
    unsafe finish(room, bytes.count)
  }

  /// Writes the header in front of, or the newline behind, `count` bytes that stand in the room already.
  private func finish(_ room: UnsafeMutableRawBufferPointer, _ count: Int) {
    if !usesFrames {
      unsafe room[count] = 10
    } else {
      unsafe room.storeBytes(
        of: FrameHeader(stream: stream, count: count).bits.littleEndian, as: UInt64.self)
    }
    pending.filled(count + overhead)
  }

  private func checkLine(_ bytes: UnsafeRawBufferPointer) throws(ChannelError) {
    guard sink.carriesLines else {
      throw ChannelError(
        .notSupported, .send, mechanism,
        "lines go over byte streams only (pipe, fifo, unix, tcp): leave framing=line out")
    }
    if !isStream, bytes.count + 1 > unitBytes {
      throw .tooLong(bytes.count, limit: unitBytes - 1, mechanism)
    }
    if unsafe bytes.contains(10) {
      throw ChannelError(
        .invalidMessage, .send, mechanism,
        "a message with a newline in it can't go over ?framing=line: send it line by line, or use frames")
    }
  }

  func withHeader(
    _ header: FrameHeader, _ body: (UnsafeRawBufferPointer) throws(ChannelError) -> Int
  ) throws(ChannelError) -> Int {
    var bits = header.bits.littleEndian
    return unsafe try withUnsafeBytes(of: &bits, body)
  }

  // MARK: Writing

  /// One write, spinning first where the strategy says so. 0: the deadline passed.
  @inline(__always) func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition,
    _ deadline: Deadline
  ) throws(ChannelError) -> Int {
    var count = 0
    if options.wait == .block, deadline.isNever {
      count = unsafe try sink.write(head, body, position, until: .never)
    } else {
      count = unsafe try sink.write(head, body, position, until: .now)
      if count == 0, !deadline.isNow {
        let sink = self.sink
        let done = try spinPolicy.spin(until: deadline) { () throws(ChannelError) in
          count = unsafe try sink.write(head, body, position, until: .now)
          return count > 0
        }
        if !done, !(options.wait == .spin && deadline.hasPassed) {
          _ = FlushRegistry.flushBeforeWaiting()
          count = unsafe try sink.write(head, body, position, until: deadline)
        }
      }
    }
    carried += count
    return count
  }

  /// A write that goes whole or not at all.
  func put(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition,
    _ deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let done = unsafe try write(head, body, position, deadline)
    if done == 0 { return false }
    return done == head.count + body.count ? true : unsafe try putRest(head, body, position, from: done)
  }

  @inline(never) private func putRest(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition, from first: Int
  ) throws(ChannelError) -> Bool {
    var done = first
    let total = head.count + body.count
    // Only a stream cuts a write, and only one without a deadline comes here.
    while done < total {
      let restHead = unsafe UnsafeRawBufferPointer(rebasing: head[min(done, head.count)...])
      let restBody = unsafe UnsafeRawBufferPointer(rebasing: body[max(0, done - head.count)...])
      done +=
        unsafe restHead.isEmpty
        ? try write(restBody, Self.none, position, .never)
        : try write(restHead, restBody, position, .never)
    }
    return true
  }

  /// The message was given up after `done` of its bytes: what the stream still has to get so that the receiver
  /// finds the next message.
  func owe(from done: Int, first: FrameHeader, bytes: Int, last: FrameHeader) {
    debt = AbandonedFrame(from: done, first: first, bytes: bytes, last: last)
    owes = debt.isOwed
  }

  /// Pays what a message that was given up still owes the stream.
  private func settle(until deadline: Deadline) throws(ChannelError) -> Bool {
    if !owes { return true }
    var left = debt
    defer {
      debt = left
      owes = left.isOwed
    }
    return unsafe try left.settle { bytes throws(ChannelError) in
      unsafe try write(bytes, Self.none, .whole, deadline)
    }
  }

  /// Half a line can't be taken back: once its first byte is out the rest follows, also past a deadline.
  private func sendLine(
    _ bytes: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    var newline: UInt8 = 10
    return unsafe try withUnsafeBytes(of: &newline) { end throws(ChannelError) in
      unsafe try put(bytes, end, .whole, deadline)
    }
  }
}
