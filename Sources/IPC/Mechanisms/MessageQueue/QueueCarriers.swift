import SystemCalls

/// Sends framed bytes as messages of a System V queue: type 1 is a whole message of ours, or several small ones;
/// type 2 a part of a large one. Only one sender at a time sends parts, so that a receiver can tell when it died.
final class QueueSink: ByteWriter {
  private let link: QueueLink
  private let scratch: ByteBuffer
  let unitBytes: Int
  let isStream = false
  // Whole messages of others come between; the number keeps them apart.
  let partsInterleave = true
  private var inside = false

  init(_ link: QueueLink, unitBytes: Int) {
    self.link = link
    self.unitBytes = unitBytes
    scratch = ByteBuffer(capacity: unitBytes + 8)
  }

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition,
    until deadline: Deadline
  ) throws(ChannelError) -> Int {
    // msgsnd(2) takes the type and the text in one piece.
    let total = head.count + body.count
    scratch.removeAll()
    let memory = unsafe scratch.room(unitBytes + 8)
    let isPart = position.more || position.continues
    unsafe memory.storeBytes(of: isPart ? QueueType.part : QueueType.whole, as: Int.self)
    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[8...]).copyMemory(from: head)
    if unsafe !body.isEmpty {
      unsafe UnsafeMutableRawBufferPointer(rebasing: memory[(8 + head.count)...]).copyMemory(from: body)
    }
    if isPart, !inside {
      guard try link.lock(.sending, until: deadline, .send) else {
        if link.liveness.peersGone { throw .closed(.send, .queue) }
        return 0
      }
      inside = true
    }
    let sent = unsafe try put(UnsafeRawPointer(memory.baseAddress!), total, until: deadline)
    if inside, sent, !position.more { abandon() }
    return sent ? total : 0
  }

  private func put(
    _ base: UnsafeRawPointer, _ total: Int, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    if unsafe try attempt(base, total) { return true }
    if deadline.isNow { return false }
    if deadline.isNever, link.waitsInKernel {
      do throws(SystemError) {
        _ = try link.inKernel { () throws(SystemError) in
          unsafe try MessageQueues.msgsnd(link.queue, base, count: total, wait: true)
        }
      } catch {
        if !link.liveness.peersGone { throw ChannelError(error, .send, .queue) }
      }
      // What was sent while the last receiver went is lost with it, as in a pipe.
      if link.liveness.peersGone { throw .closed(.send, .queue) }
      link.messages.notify()
      return true
    }
    return try link.room.wait(until: deadline) { () throws(ChannelError) in unsafe try attempt(base, total) }
  }

  func abandon() {
    guard inside else { return }
    inside = false
    link.unlock(.sending)
  }

  var readiness: Readiness { .waiting }

  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    let found = try? link.room.wait(until: deadline) { () throws(ChannelError) in
      if link.liveness.peersGone { return true }
      let status = try translating(.send, .queue) { () throws(SystemError) in
        try MessageQueues.msgctl(status: link.queue)
      }
      return status.waitingBytes + count <= status.capacityBytes
    }
    // An error is the next send's to throw.
    return found ?? true
  }

  private func attempt(_ memory: UnsafeRawPointer, _ count: Int) throws(ChannelError) -> Bool {
    if link.liveness.peersGone { throw .closed(.send, .queue) }
    do throws(SystemError) {
      unsafe try MessageQueues.msgsnd(link.queue, memory, count: count, wait: false)
    } catch {
      if error.wouldBlock { return false }
      throw ChannelError(error, .send, .queue)
    }
    link.messages.notify()
    return true
  }

  func close() {
    abandon()
    link.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try link.transfer() }
}

enum QueueType {
  static let whole = 1, part = 2
  /// From a receiver's own monitor: all senders are gone.
  static let hangUp = 3
}

/// Takes framed bytes from a System V queue, always the oldest, so that the queue's order is ours.
///
/// Where there are several receivers they take turns under a mutex, and one that has the beginning of a message in
/// parts keeps it until the message is whole. If it dies there, the kernel opens the mutex, and the next receiver
/// drops what is left of that message.
final class QueueSource: ByteReader {
  private let link: QueueLink
  private let scratch: ByteBuffer
  /// There may be other receivers.
  private let takesTurns: Bool
  /// Between two parts of a message, with the mutex.
  private var inside = false
  var holdsTurn: Bool { takesTurns && inside }
  let unitBytes: Int
  private var hangUps = 0
  private static let mostHangUps = 100

  init(_ link: QueueLink, unitBytes: Int, takesTurns: Bool) {
    self.link = link
    self.unitBytes = unitBytes
    self.takesTurns = takesTurns
    scratch = ByteBuffer(capacity: unitBytes + 8)
  }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    if deadline.isNever, link.waitsInKernel, !takesTurns, !inside {
      // One call, whether there is a message or not.
      if let outcome = unsafe try attemptWaiting(buffer) { return outcome }
    }
    if let outcome = unsafe try attempt(buffer) { return outcome }
    if deadline.isNow { return .nothing }
    var outcome = ReadOutcome.nothing
    _ = try link.messages.wait(until: deadline) { () throws(ChannelError) in
      guard let found = unsafe try attempt(buffer) else { return false }
      outcome = found
      return true
    }
    return outcome
  }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, trying times: Int
  ) throws(ChannelError) -> ReadOutcome {
    if takesTurns || inside {
      for _ in 0..<times {
        if let outcome = unsafe try attempt(buffer) { return outcome }
        CPU.pause()
      }
      return .nothing
    }
    // Asked before the queue is: what a sender sent before it died is there by then.
    let gone = link.liveness.peersGone
    guard let found = unsafe try take(buffer, tries: times) else { return gone ? .ended : .nothing }
    return unsafe taken(found, buffer)
  }

  @inline(__always) private func taken(
    _ found: (type: Int, count: Int), _ buffer: UnsafeMutableRawBufferPointer
  ) -> ReadOutcome {
    if found.type == QueueType.part {
      let header = FrameHeader(UInt64(littleEndian: unsafe buffer.loadUnaligned(as: UInt64.self)))
      inside = header.more
    }
    return .bytes(found.count)
  }

  /// Waits in the kernel. Nil: the other side is gone, and what it left is to be looked for without waiting.
  private func attemptWaiting(_ buffer: UnsafeMutableRawBufferPointer) throws(ChannelError) -> ReadOutcome? {
    guard let found = unsafe try take(buffer, wait: true) else { return nil }
    return unsafe taken(found, buffer)
  }

  private func attempt(_ buffer: UnsafeMutableRawBufferPointer) throws(ChannelError) -> ReadOutcome? {
    // Asked before the queue is: what a sender sent before it died is there by then.
    let gone = link.liveness.peersGone
    if takesTurns, !inside {
      guard try link.lock(.receiving, until: .now, .receive) else { return nil }
    }
    var found: (type: Int, count: Int)?
    do throws(ChannelError) {
      found = unsafe try take(buffer)
      // The rest of a message that was begun isn't there, and nobody is sending it: unless it came between these
      // two looks, it never comes.
      if found == nil, inside, link.nobodySendsParts {
        found = unsafe try take(buffer)
        if found == nil { inside = false }
      }
    } catch {
      leave(foundSomething: true)
      throw error
    }
    guard let found else {
      if !inside { leave(foundSomething: false) }
      return gone ? .ended : nil
    }
    let outcome = unsafe taken(found, buffer)
    if !inside { leave(foundSomething: true) }
    return outcome
  }

  /// Lets the next receiver have its turn; wakes it if there may be more for it. After finding nothing there isn't,
  /// and the ring would wake this receiver itself.
  private func leave(foundSomething: Bool) {
    inside = false
    guard takesTurns else { return }
    link.unlock(.receiving)
    if foundSomething { link.messages.notify() }
  }

  var readiness: Readiness { .waiting }

  func waitUntilReady(until deadline: Deadline) -> Bool {
    let found = try? link.messages.wait(until: deadline) { () throws(ChannelError) in
      if link.liveness.peersGone { return true }
      return try translating(.receive, .queue) { () throws(SystemError) in
        try MessageQueues.msgrcv(probe: link.queue)
      }
    }
    // An error is the next take's to throw.
    return found ?? true
  }

  private func take(
    _ buffer: UnsafeMutableRawBufferPointer, wait: Bool = false, tries: Int = 1
  ) throws(ChannelError) -> (type: Int, count: Int)? {
    scratch.removeAll()
    let memory = unsafe scratch.room(unitBytes + 8)
    let base = memory.baseAddress!
    let count: Int
    do throws(SystemError) {
      if wait {
        let received = try link.inKernel { () throws(SystemError) in
          unsafe try MessageQueues.msgrcv(link.queue, base, capacity: unitBytes, type: 0, wait: true)
        }
        guard let received else { return nil }
        count = received
      } else {
        count = unsafe try MessageQueues.msgrcv(
          link.queue, base, capacity: unitBytes, type: 0, wait: false, tries: tries)
      }
    } catch {
      if error.meansNoMessage { return nil }
      if error.meansTooBig { throw .violation(.queue, "a queue message of more than \(unitBytes) bytes") }
      throw ChannelError(error, .receive, .queue)
    }
    if unsafe memory.load(as: Int.self) == QueueType.hangUp {
      // Nothing of anybody's. Behind it there may be what another run of this name has sent since; more than a few of
      // them are no monitor's.
      hangUps += 1
      guard hangUps <= Self.mostHangUps else { throw .violation(.queue, "\(hangUps) hang-ups in a row") }
      return wait ? nil : unsafe try take(buffer)
    }
    hangUps = 0
    guard count >= FrameHeader.size else { throw .violation(.queue, "a queue message of \(count) bytes") }
    unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[8..<(8 + count)]))
    link.room.notify()
    return (unsafe memory.load(as: Int.self), count)
  }

  func close() {
    if inside { leave(foundSomething: true) }
    link.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try link.transfer() }
}
