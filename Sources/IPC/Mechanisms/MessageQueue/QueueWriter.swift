import Glibc
import SystemCalls

/// Sends framed bytes as messages of a System V queue.
final class QueueWriter: ByteWriter {
  private typealias MessageType = MessageQueueMechanism.MessageType

  private let endpoint: QueueEndpoint
  /// A message as msgsnd(2) takes it: the type and the text in one piece.
  private let message: ByteBuffer
  let unitBytes: Int
  let isStream = false
  // Whole messages of other senders come between.
  let interleavesFragments = true
  /// Between the fragments of a message, with the mutex.
  private var isInside = false

  init(_ endpoint: QueueEndpoint, unitBytes: Int) {
    self.endpoint = endpoint
    self.unitBytes = unitBytes
    message = ByteBuffer(capacity: unitBytes + MessageQueueMechanism.typeBytes)
  }

  deinit { close() }

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let count = head.count + body.count
    let header = unsafe FrameHeader(at: head.baseAddress!)
    message.removeAll()
    let memory = unsafe message.room(unitBytes + MessageQueueMechanism.typeBytes)
    let text = unsafe memory.baseAddress! + MessageQueueMechanism.typeBytes
    unsafe memory.storeBytes(of: header.isWhole ? MessageType.frame : MessageType.fragment, as: Int.self)
    unsafe text.copyMemory(from: head.baseAddress!, byteCount: head.count)
    if body.count > 0 {
      unsafe (text + head.count).copyMemory(from: body.baseAddress!, byteCount: body.count)
    }
    if !header.isWhole, !isInside {
      guard try endpoint.lock(.sending, until: deadline, .send) else {
        if endpoint.peersGone { throw .closed(.send, .queue) }
        return 0
      }
      isInside = true
    }
    let sent = unsafe try send(UnsafeRawPointer(memory.baseAddress!), count, until: deadline)
    if isInside, sent, !header.more { abandonMessage() }
    return sent ? count : 0
  }

  private func send(
    _ message: UnsafeRawPointer, _ count: Int, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    if unsafe try trySend(message, count) { return true }
    if deadline.isNow { return false }
    if deadline.isNever, endpoint.waitsInKernel {
      do throws(SystemError) {
        _ = try endpoint.inKernel { () throws(SystemError) in
          unsafe try MessageQueues.msgsnd(endpoint.queue, message, count: count, wait: true)
        }
      } catch {
        if !endpoint.peersGone { throw failure(error, count) }
      }
      // A message sent while the last receiver closes is lost, as in a pipe.
      if endpoint.peersGone { throw .closed(.send, .queue) }
      endpoint.messages.notify()
      return true
    }
    return try endpoint.room.wait(until: deadline) { () throws(ChannelError) in
      unsafe try trySend(message, count)
    }
  }

  /// msgsnd(2) with IPC_NOWAIT. Returns false if the queue is full.
  @inline(__always) private func trySend(_ message: UnsafeRawPointer, _ count: Int) throws(ChannelError)
    -> Bool
  {
    if endpoint.peersGone { throw .closed(.send, .queue) }
    do throws(SystemError) {
      unsafe try MessageQueues.msgsnd(endpoint.queue, message, count: count, wait: false)
    } catch {
      if error.wouldBlock { return false }
      throw failure(error, count)
    }
    endpoint.messages.notify()
    return true
  }

  @inline(never) private func failure(_ error: SystemError, _ count: Int) -> ChannelError {
    if error.number == EINVAL, let tooLong = MessageQueueMechanism.overLimit(count, .send) { return tooLong }
    return endpoint.failure(error, .send)
  }

  /// Releases the mutex: no more fragments come.
  func abandonMessage() {
    guard isInside else { return }
    isInside = false
    endpoint.unlock(.sending)
  }

  var objects: [String] { endpoint.objects }
  var readiness: Readiness { .thread }

  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool {
    let found = try? endpoint.room.wait(until: deadline) { () throws(ChannelError) in
      if endpoint.peersGone { return true }
      let status = try translating(.send, .queue) { () throws(SystemError) in
        try MessageQueues.msgctl(status: endpoint.queue)
      }
      return status.waitingBytes + count <= status.capacityBytes
    }
    // The next send throws the error.
    return found ?? true
  }

  func close() {
    abandonMessage()
    endpoint.close()
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { try endpoint.transfer() }
  func finishTransfer() -> AnyObject? { endpoint.finishTransfer() }
}
