import SystemCalls

/// Puts framed bytes into the slots of a bounded buffer.
final class BoundedBufferWriter: ByteWriter {
  private typealias Step = Semaphores.Operation
  private typealias Index = BoundedBuffer.Index

  private let buffer: BoundedBuffer
  /// Between two fragments of a message no other sender may send.
  private var isInside = false
  let unitBytes = BoundedBuffer.slotBytes
  let isStream = false
  let interleavesFragments = false

  private let beginTurn = Semaphores.Steps(
    Step(Index.sendersMutex, -1, undo: true), Step(Index.free, -1, undo: true))
  private let takeSlot = Semaphores.Steps(Step(Index.free, -1, undo: true))
  private let releaseMutex = Semaphores.Steps(Step(Index.sendersMutex, 1, undo: true))
  private let turnEnd: BoundedBuffer.TurnEnd

  init(_ buffer: BoundedBuffer) {
    self.buffer = buffer
    turnEnd = BoundedBuffer.TurnEnd(
      mutex: Index.sendersMutex, mine: Index.free, theirs: Index.used, place: Index.tail, slots: buffer.slots)
  }

  deinit { close() }

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int {
    if buffer.peersGone { throw .closed(.send, .semaphore) }
    guard try buffer.semtimedop(isInside ? takeSlot : beginTurn, until: deadline, .send) else {
      if buffer.peersGone { throw .closed(.send, .semaphore) }
      return 0
    }
    let slot = unsafe try buffer.slot(Index.tail, .send)
    let count = head.count + body.count
    let bytes = unsafe slot.baseAddress! + BoundedBuffer.slotHeaderBytes
    unsafe slot.storeBytes(of: UInt32(count), as: UInt32.self)
    unsafe bytes.copyMemory(from: head.baseAddress!, byteCount: head.count)
    if body.count > 0 {
      unsafe (bytes + head.count).copyMemory(from: body.baseAddress!, byteCount: body.count)
    }
    isInside = unsafe FrameHeader(at: head.baseAddress!).more
    guard try buffer.endTurn(turnEnd, staysInside: isInside, .send) else { throw .closed(.send, .semaphore) }
    return count
  }

  var objects: [String] { buffer.objects }
  var readiness: Readiness { .thread }

  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    buffer.waitUntilPositive(Index.free, until: deadline)
  }

  func abandonMessage() {
    guard isInside else { return }
    isInside = false
    _ = try? buffer.semtimedop(releaseMutex, until: .now, .send)
  }

  func close() {
    abandonMessage()
    buffer.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try buffer.transfer() }
  func finishTransfer() -> AnyObject? { buffer.finishTransfer() }
}

/// Takes framed bytes out of the slots of a bounded buffer.
final class BoundedBufferReader: ByteReader {
  private typealias Step = Semaphores.Operation
  private typealias Index = BoundedBuffer.Index

  private let buffer: BoundedBuffer
  /// Between two fragments of a message no other receiver may receive.
  private var isInside = false
  var holdsTurn: Bool { isInside }
  let readsUnits = true
  let unitBytes = BoundedBuffer.slotBytes

  private let beginTurn = Semaphores.Steps(
    Step(Index.receiversMutex, -1, undo: true), Step(Index.used, -1, undo: true))
  private let takeSlot = Semaphores.Steps(Step(Index.used, -1, undo: true))
  private let releaseMutex = Semaphores.Steps(Step(Index.receiversMutex, 1, undo: true))
  private let turnEnd: BoundedBuffer.TurnEnd

  init(_ buffer: BoundedBuffer) {
    self.buffer = buffer
    turnEnd = BoundedBuffer.TurnEnd(
      mutex: Index.receiversMutex, mine: Index.used, theirs: Index.free, place: Index.head,
      slots: buffer.slots)
  }

  deinit { close() }

  func read(
    into target: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    unsafe try read(target, until: deadline, tries: 1)
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, tries: Int
  ) throws(ChannelError) -> ReadOutcome {
    unsafe try read(target, until: .now, tries: tries)
  }

  private func read(
    _ target: UnsafeMutableRawBufferPointer, until deadline: Deadline, tries: Int
  ) throws(ChannelError) -> ReadOutcome {
    while true {
      let gone = buffer.peersGone
      if try buffer.semtimedop(isInside ? takeSlot : beginTurn, until: deadline, tries: tries, .receive) {
        break
      }
      guard gone || buffer.peersGone else { return .nothing }
      // Gone while this waited: look once more, for what the last sender left.
      if !gone, try buffer.semtimedop(isInside ? takeSlot : beginTurn, until: .now, .receive) { break }
      let outcome = try end()
      // Another receiver is in its turn: this one waits for it, a slice after the other.
      guard case .nothing = outcome, !deadline.hasPassed else { return outcome }
    }
    let slot = unsafe try buffer.slot(Index.head, .receive)
    let count = Int(unsafe slot.load(as: UInt32.self))
    let isValid = count >= FrameHeader.size && count <= unitBytes
    if isValid {
      let bytes = unsafe slot.baseAddress! + BoundedBuffer.slotHeaderBytes
      unsafe target.baseAddress!.copyMemory(from: bytes, byteCount: count)
      // A fragment has its slot alone.
      let header = unsafe FrameHeader(at: target.baseAddress!)
      isInside = header.more && FrameHeader.size + header.count == count
    }
    guard try buffer.endTurn(turnEnd, staysInside: isInside, .receive) else {
      throw .violation(.semaphore, "semaphores with inconsistent values")
    }
    guard isValid else { throw .violation(.semaphore, "a slot of \(count) bytes") }
    return .bytes(count)
  }

  /// The senders are gone. Another receiver may be in its turn, though; if it dies, its slot is used again.
  private func end() throws(ChannelError) -> ReadOutcome {
    guard try buffer.usedSlots() == 0 else { return .nothing }
    // Receivers and senders that come later use the channel.
    endTurn()
    return .ended
  }

  func endAbandonedTurn() -> Bool {
    guard isInside, !buffer.mayHaveMore else { return false }
    endTurn()
    return true
  }

  /// Releases the mutex between two slots: no more fragments come, or this receiver takes no more.
  private func endTurn() {
    guard isInside else { return }
    isInside = false
    _ = try? buffer.semtimedop(releaseMutex, until: .now, .receive)
  }

  var objects: [String] { buffer.objects }
  var readiness: Readiness { .thread }

  func waitUntilReady(until deadline: Deadline) -> Bool {
    buffer.waitUntilPositive(Index.used, until: deadline)
  }

  func close() {
    endTurn()
    buffer.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try buffer.transfer() }
  func finishTransfer() -> AnyObject? { buffer.finishTransfer() }
}
