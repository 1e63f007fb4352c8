import SystemCalls

/// Puts framed bytes into the slots of a bounded buffer.
final class BoundedBufferSink: ByteWriter {
  private typealias Step = Semaphores.Operation
  private typealias Index = BoundedBuffer.Index

  private let buffer: BoundedBuffer
  /// Between two parts of a message nobody else may send.
  private var inside = false
  let unitBytes = BoundedBuffer.slotBytes
  let isStream = false
  let partsInterleave = false

  private let enter = Semaphores.Steps(Step(Index.sending, -1, undo: true), Step(Index.free, -1, undo: true))
  private let goOn = Semaphores.Steps(Step(Index.free, -1, undo: true))
  private let leave = Semaphores.Steps(Step(Index.sending, 1, undo: true))

  private let leaving: BoundedBuffer.Leaving

  init(_ buffer: BoundedBuffer) {
    self.buffer = buffer
    leaving = BoundedBuffer.Leaving(
      mutex: Index.sending, mine: Index.free, theirs: Index.used, place: Index.tail, slots: buffer.slots)
  }

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition,
    until deadline: Deadline
  ) throws(ChannelError) -> Int {
    if buffer.liveness.peersGone { throw .closed(.send, .semaphore) }
    guard try buffer.operate(inside ? goOn : enter, until: deadline, .send) else {
      if buffer.liveness.peersGone { throw .closed(.send, .semaphore) }
      return 0
    }
    let slot = unsafe try buffer.slot(Index.tail, .send)
    let total = head.count + body.count
    unsafe slot.storeBytes(of: UInt32(total), as: UInt32.self)
    unsafe UnsafeMutableRawBufferPointer(rebasing: slot[8...]).copyMemory(from: head)
    if unsafe !body.isEmpty {
      unsafe UnsafeMutableRawBufferPointer(rebasing: slot[(8 + head.count)...]).copyMemory(from: body)
    }
    inside = position.more
    guard try buffer.leave(leaving, staysInside: inside, .send) else { throw .closed(.send, .semaphore) }
    return total
  }

  var readiness: Readiness { .waiting }

  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    buffer.waitUntilPositive(Index.free, until: deadline)
  }

  func abandon() {
    guard inside else { return }
    inside = false
    _ = try? buffer.operate(leave, until: .now, .send)
  }

  func close() {
    abandon()
    buffer.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try buffer.transfer() }
}

/// Takes framed bytes out of the slots of a bounded buffer.
final class BoundedBufferSource: ByteReader {
  private typealias Step = Semaphores.Operation
  private typealias Index = BoundedBuffer.Index

  private let buffer: BoundedBuffer
  /// Between two parts of a message nobody else may receive.
  private var inside = false
  var holdsTurn: Bool { inside }
  let unitBytes = BoundedBuffer.slotBytes

  private let enter = Semaphores.Steps(
    Step(Index.receiving, -1, undo: true), Step(Index.used, -1, undo: true))
  private let goOn = Semaphores.Steps(Step(Index.used, -1, undo: true))

  private let leaving: BoundedBuffer.Leaving

  init(_ buffer: BoundedBuffer) {
    self.buffer = buffer
    leaving = BoundedBuffer.Leaving(
      mutex: Index.receiving, mine: Index.used, theirs: Index.free, place: Index.head, slots: buffer.slots)
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    unsafe try read(target, until: deadline)
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, trying times: Int
  ) throws(ChannelError) -> ReadOutcome {
    unsafe try read(target, until: .now, tries: times)
  }

  private func read(
    _ target: UnsafeMutableRawBufferPointer, until deadline: Deadline, tries: Int = 1
  ) throws(ChannelError) -> ReadOutcome {
    let gone = buffer.liveness.peersGone
    if try !buffer.operate(inside ? goOn : enter, until: deadline, tries: tries, .receive) {
      if !gone {
        // Gone while this waited: once more, for what the last sender left.
        guard buffer.liveness.peersGone else { return .nothing }
        guard try buffer.operate(inside ? goOn : enter, until: .now, .receive) else { return try end() }
      } else {
        return try end()
      }
    }
    let slot = unsafe try buffer.slot(Index.head, .receive)
    let count = Int(unsafe slot.load(as: UInt32.self))
    let valid = count >= FrameHeader.size && count <= unitBytes
    var more = false
    if valid {
      unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: slot[8..<(8 + count)]))
      // A part of a larger message fills its slot alone.
      more = FrameHeader(UInt64(littleEndian: unsafe target.loadUnaligned(as: UInt64.self))).more
    }
    inside = more
    guard try buffer.leave(leaving, staysInside: inside, .receive) else {
      throw .violation(.semaphore, "semaphores that don't add up")
    }
    guard valid else { throw .violation(.semaphore, "a slot of \(count) bytes") }
    return .bytes(count)
  }

  /// The senders are gone. Another receiver may be inside, though, and what it has begun comes back if it dies.
  private func end() throws(ChannelError) -> ReadOutcome {
    let used = try translating(.receive, .semaphore) { () throws(SystemError) in
      try Semaphores.semctl(value: buffer.set, Index.used)
    }
    return used == 0 ? .ended : .nothing
  }

  var readiness: Readiness { .waiting }

  func waitUntilReady(until deadline: Deadline) -> Bool {
    buffer.waitUntilPositive(Index.used, until: deadline)
  }

  func close() {
    if inside {
      inside = false
      _ = try? buffer.operate(
        Semaphores.Steps(Step(Index.receiving, 1, undo: true)), until: .now, .receive)
    }
    buffer.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try buffer.transfer() }
}
