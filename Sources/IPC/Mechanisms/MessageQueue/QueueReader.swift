import SystemCalls

/// Receives framed bytes from a System V queue.
///
/// Several receivers take turns under a mutex. If the one whose turn it is dies, the kernel releases the mutex, and
/// the next receiver drops what is left of the fragmented message that it had begun.
final class QueueReader: ByteReader {
  private typealias MessageType = MessageQueueMechanism.MessageType

  private let endpoint: QueueEndpoint
  /// Room for a message as msgrcv(2) writes it: the type and the text in one piece.
  private let message: ByteBuffer
  let unitBytes: Int
  let readsUnits = true
  // It has the mutex.
  var fragmentSenders: FragmentSenders { .oneAtATime }
  /// There may be other receivers.
  private let takesTurns: Bool
  /// Between the fragments of a message, with the mutex.
  private var isInside = false
  var holdsTurn: Bool { takesTurns && isInside }
  private var hangUps = 0
  private static let maximumHangUps = 100

  init(_ endpoint: QueueEndpoint, unitBytes: Int, takesTurns: Bool) {
    self.endpoint = endpoint
    self.unitBytes = unitBytes
    self.takesTurns = takesTurns
    message = ByteBuffer(capacity: unitBytes + MessageQueueMechanism.typeBytes)
  }

  deinit { close() }

  // MARK: Reading

  func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    if deadline.isNever, endpoint.waitsInKernel, !takesTurns, !isInside,
      // One call, whether there is a message or not. Nil: the peers are gone; look for what they left without waiting.
      let found = unsafe try receive(buffer, wait: true)
    {
      return unsafe outcome(of: found, buffer)
    }
    if let outcome = unsafe try attempt(buffer) { return outcome }
    if deadline.isNow { return .nothing }
    var outcome = ReadOutcome.nothing
    _ = try endpoint.messages.wait(until: deadline) { () throws(ChannelError) in
      guard let found = unsafe try attempt(buffer) else { return false }
      outcome = found
      return true
    }
    return outcome
  }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, tries: Int
  ) throws(ChannelError) -> ReadOutcome {
    if takesTurns || isInside {
      for _ in 0..<tries {
        if let outcome = unsafe try attempt(buffer) { return outcome }
        CPU.pause()
      }
      return .nothing
    }
    // Asked before the queue is: what a sender sent before it died is there by then.
    let gone = endpoint.peersGone
    guard let found = unsafe try receive(buffer, tries: tries) else { return gone ? .ended : .nothing }
    return unsafe outcome(of: found, buffer)
  }

  /// One message, in turn. Returns nil if there is none, or if it is another receiver's turn.
  private func attempt(_ buffer: UnsafeMutableRawBufferPointer) throws(ChannelError) -> ReadOutcome? {
    // Asked before the queue is: what a sender sent before it died is there by then.
    let gone = endpoint.peersGone
    if takesTurns, !isInside {
      guard try endpoint.lock(.receiving, until: .now, .receive) else { return nil }
    }
    var found: (type: Int, count: Int)?
    do throws(ChannelError) {
      found = unsafe try receive(buffer)
      // The next fragment isn't there, and no sender is sending any: unless it came between these two looks, it never
      // comes.
      if found == nil, isInside, endpoint.noSenderHoldsMutex {
        found = unsafe try receive(buffer)
        if found == nil { isInside = false }
      }
    } catch {
      // Another program's message between two fragments: the rest of theirs comes.
      if !(isInside && error.code == .protocolViolation) { endTurn(foundSomething: true) }
      throw error
    }
    guard let found else {
      if !isInside { endTurn(foundSomething: false) }
      return gone ? .ended : nil
    }
    let outcome = unsafe outcome(of: found, buffer)
    if !isInside { endTurn(foundSomething: true) }
    return outcome
  }

  @inline(__always) private func outcome(
    of found: (type: Int, count: Int), _ buffer: UnsafeMutableRawBufferPointer
  ) -> ReadOutcome {
    if found.type == MessageType.fragment {
      let header = unsafe FrameHeader(at: buffer.baseAddress!)
      isInside = header.more && FrameHeader.size + header.count == found.count
    }
    return .bytes(found.count)
  }

  /// Releases the mutex; wakes the next receiver if there may be more for it. After finding nothing there isn't, and
  /// the notification would wake this receiver itself.
  private func endTurn(foundSomething: Bool) {
    isInside = false
    guard takesTurns else { return }
    endpoint.unlock(.receiving)
    if foundSomething { endpoint.messages.notify() }
  }

  /// msgrcv(2) of the oldest message. Returns nil if there is none, or a call that waited was ended.
  private func receive(
    _ buffer: UnsafeMutableRawBufferPointer, wait: Bool = false, tries: Int = 1
  ) throws(ChannelError) -> (type: Int, count: Int)? {
    message.removeAll()
    let memory = unsafe message.room(unitBytes + MessageQueueMechanism.typeBytes).baseAddress!
    let count: Int
    do throws(SystemError) {
      if wait {
        let received = try endpoint.inKernel { () throws(SystemError) in
          unsafe try MessageQueues.msgrcv(endpoint.queue, memory, capacity: unitBytes, type: 0, wait: true)
        }
        guard let received else { return nil }
        count = received
      } else {
        count = unsafe try MessageQueues.msgrcv(
          endpoint.queue, memory, capacity: unitBytes, type: 0, wait: false, tries: tries)
      }
    } catch {
      if error.meansNoMessage { return nil }
      if error.meansTooBig {
        // It would be the oldest for ever.
        _ = unsafe try? MessageQueues.msgrcv(dropping: endpoint.queue, memory, capacity: unitBytes)
        throw .violation(.queue, "a queue message of more than \(unitBytes) bytes")
      }
      throw endpoint.failure(error, .receive)
    }
    let type = unsafe memory.load(as: Int.self)
    if type == MessageType.hangUp {
      // From a monitor, and no message of the channel. Behind it there may be what another run of this name has sent
      // since; more than a few in a row aren't a monitor's.
      hangUps += 1
      guard hangUps <= Self.maximumHangUps else { throw .violation(.queue, "\(hangUps) hang-ups in a row") }
      return wait ? nil : unsafe try receive(buffer)
    }
    hangUps = 0
    guard count >= FrameHeader.size else { throw .violation(.queue, "a queue message of \(count) bytes") }
    unsafe buffer.baseAddress!.copyMemory(from: memory + MessageQueueMechanism.typeBytes, byteCount: count)
    endpoint.room.notify()
    return (type, count)
  }

  // MARK: Waiting and closing

  var objects: [String] { endpoint.objects }
  var readiness: Readiness { .thread }

  func waitUntilReady(until deadline: Deadline) -> Bool {
    let found = try? endpoint.messages.wait(until: deadline) { () throws(ChannelError) in
      if endpoint.peersGone { return true }
      return try translating(.receive, .queue) { () throws(SystemError) in
        try MessageQueues.msgrcv(probe: endpoint.queue)
      }
    }
    // The next receive throws the error.
    return found ?? true
  }

  func close() {
    if isInside { endTurn(foundSomething: true) }
    endpoint.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try endpoint.transfer() }
  func finishTransfer() -> AnyObject? { endpoint.finishTransfer() }
}
