import SystemCalls

/// Sends framed bytes as messages of a System V queue. The type says what a message is: 1 begins one of ours (or
/// is a whole one, or several small ones), any other is a further part of the message whose sender has this
/// number, so that with several receivers the one that took the beginning takes the rest too.
final class QueueSink: ByteSink {
  private let link: QueueLink
  private let scratch: ByteBuffer
  let unitBytes: Int
  let isStream = false
  let partsInterleave = true

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
    unsafe memory.storeBytes(of: position.continues ? Int(position.stream) : 1, as: Int.self)
    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[8...]).copyMemory(from: head)
    if unsafe !body.isEmpty {
      unsafe UnsafeMutableRawBufferPointer(rebasing: memory[(8 + head.count)...]).copyMemory(from: body)
    }
    let base = UnsafeRawPointer(memory.baseAddress!)
    if unsafe try attempt(base, total) { return total }
    if deadline.isNow { return 0 }
    return try link.room.wait(until: deadline) { () throws(ChannelError) in unsafe try attempt(base, total) }
      ? total : 0
  }

  private func attempt(_ memory: UnsafeRawPointer, _ count: Int) throws(ChannelError) -> Bool {
    if link.lifeline.peersGone { throw .closed(.send, .queue) }
    do throws(SystemError) {
      unsafe try MessageQueues.send(link.queue, memory, count: count, wait: false)
    } catch {
      if error.wouldBlock { return false }
      throw ChannelError(error, .send, .queue)
    }
    link.messages.ring()
    return true
  }

  func close() { link.close() }
  func handOver() throws(ChannelError) -> Handover { link.handover(unitBytes) }
}

/// Takes framed bytes from a System V queue.
final class QueueSource: ByteSource {
  private let link: QueueLink
  private let scratch: ByteBuffer
  let unitBytes: Int

  init(_ link: QueueLink, unitBytes: Int) {
    self.link = link
    self.unitBytes = unitBytes
    scratch = ByteBuffer(capacity: unitBytes + 8)
  }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, continuing decoder: FrameDecoder, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    if let outcome = unsafe try attempt(buffer, decoder) { return outcome }
    if deadline.isNow { return .nothing }
    var outcome = ReadOutcome.nothing
    _ = try link.messages.wait(until: deadline) { () throws(ChannelError) in
      guard let found = unsafe try attempt(buffer, decoder) else { return false }
      outcome = found
      return true
    }
    return outcome
  }

  /// Takes what there is: the rest of a message that has begun first, then the beginning of the next.
  private func attempt(
    _ buffer: UnsafeMutableRawBufferPointer, _ decoder: FrameDecoder
  ) throws(ChannelError) -> ReadOutcome? {
    // Asked before the queue is: what a sender sent before it died is there by then.
    let gone = link.lifeline.peersGone
    for stream in decoder.openStreams {
      if let count = unsafe try take(Int(stream), buffer) { return .bytes(count) }
    }
    if let count = unsafe try take(1, buffer) { return .bytes(count) }
    return gone ? .ended : nil
  }

  private func take(_ type: Int, _ buffer: UnsafeMutableRawBufferPointer) throws(ChannelError) -> Int? {
    scratch.removeAll()
    let memory = unsafe scratch.room(unitBytes + 8)
    let count: Int
    do throws(SystemError) {
      count = unsafe try MessageQueues.receive(
        link.queue, memory.baseAddress!, capacity: unitBytes, type: type, wait: false)
    } catch {
      if error.meansNoMessage { return nil }
      if error.meansTooBig { throw .violation(.queue, "a queue message of more than \(unitBytes) bytes") }
      throw ChannelError(error, .receive, .queue)
    }
    unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[8..<(8 + count)]))
    link.room.ring()
    return count
  }

  func close() { link.close() }
  func handOver() throws(ChannelError) -> Handover { link.handover(unitBytes) }
}
