import Synchronization
import SystemCalls

/// One end's hold on a System V queue: the queue, a small segment with a doorbell each way, and the liveness.
///
/// msgrcv(2) and msgsnd(2) have no deadline, and don't end when the other side dies. So they are tried with IPC_NOWAIT,
/// and the waiting is done at a doorbell, which costs a busy channel no call at all. Where a wait has no deadline and
/// the strategy is to block, the kernel may do the waiting after all, which is one call where the doorbell takes four;
/// when the other side dies, this process's monitor then ends the call: it sends the receiver a message of a type of
/// its own, or takes away what fills the queue and nobody is left to read.
final class QueueLink: @unchecked Sendable {
  let queue: Int32
  /// Two mutexes, which the kernel opens when their holder dies (SEM_UNDO): one for whoever sends a message in
  /// parts, one for whoever receives where there are several.
  let mutexes: Int32
  /// Rung by senders, for receivers that sleep.
  let messages: EventCount
  /// Rung by receivers, for senders that sleep.
  let room: EventCount
  let liveness: LivenessPipe
  private let segment: Segment
  /// Whether this end waits in the kernel.
  let waitsInKernel: Bool
  /// Whether it does so now.
  private let isInKernel = Atomic<Bool>(false)

  static let segmentBytes = 4096

  init(
    queue: Int32, mutexes: Int32, segment: consuming Segment, liveness: LivenessPipe, waitsInKernel: Bool
  ) throws(ChannelError) {
    guard unsafe segment.bytes.count >= Self.segmentBytes else {
      throw ChannelError(
        .system, .open, .queue, "the segment beside queue \(queue) is too small: remove the name")
    }
    self.queue = queue
    self.mutexes = mutexes
    self.liveness = liveness
    messages = unsafe EventCount(SharedWord(segment.bytes, at: 128))
    room = unsafe EventCount(SharedWord(segment.bytes, at: 256))
    self.segment = segment
    self.waitsInKernel = waitsInKernel
    let bell = liveness.side == .sender ? room : messages
    try translating(.open, .queue) { () throws(SystemError) in
      try liveness.start { [weak self] in
        bell.wake()
        guard let self, waitsInKernel, isInKernel.load(ordering: .sequentiallyConsistent) else { return }
        // Not on the monitor's thread, which others wait for.
        do throws(SystemError) {
          try Threads.start(name: "ipc-hang-up") { self.endKernelWait() }
        } catch {
          self.endKernelWait()
        }
      }
    }
    liveness.keep(self, parameters)
  }

  /// Runs a call that may wait for ever. Nil: the other side is gone, and the call wasn't made, or was ended.
  func inKernel<Result>(_ call: () throws(SystemError) -> Result) throws(SystemError) -> Result? {
    isInKernel.store(true, ordering: .sequentiallyConsistent)
    defer { isInKernel.store(false, ordering: .sequentiallyConsistent) }
    // Looked at after it was said that this end is in the kernel: either this sees it, or the monitor sees that.
    if liveness.peersGoneInOrder { return nil }
    return try call()
  }

  /// Runs when the other side is gone. One round ends the call, unless it comes between the flag and the call.
  private func endKernelWait() {
    while isInKernel.load(ordering: .sequentiallyConsistent) {
      if liveness.side == .receiver {
        var type = QueueType.hangUp
        // A full queue has something to read, which ends the call as well.
        unsafe withUnsafeBytes(of: &type) { bytes in
          try? unsafe MessageQueues.msgsnd(queue, bytes.baseAddress!, count: 0, wait: false)
        }
      } else {
        discardAll()
      }
      Clock.sleep(nanoseconds: 1_000_000)
    }
  }

  private func discardAll() {
    // No message is longer than this; one that didn't fit would stay.
    guard let longest = (try? MessageQueues.msgctl(status: queue))?.capacityBytes else { return }
    let scratch = ByteBuffer(capacity: longest + 16)
    let base = unsafe scratch.room(longest + 16).baseAddress!
    for _ in 0..<100_000 {
      let taken = try? unsafe MessageQueues.msgrcv(queue, base, capacity: longest, type: 0, wait: false)
      if taken == nil { return }
    }
  }

  func close() {
    liveness.leave(self, parameters)
    // The other side may sleep until there is news: this is some.
    messages.wake()
    room.wake()
  }

  deinit { close() }

  var parameters: [(key: String, value: String)] {
    [("queue", String(queue)), ("mutexes", String(mutexes)), ("segment", String(segment.id))]
  }

  enum Mutex: Int { case sending = 0, receiving = 1 }

  /// Takes a mutex, or waits for it in slices. False: the deadline passed, or the other side is gone.
  func lock(
    _ mutex: Mutex, until deadline: Deadline, _ operation: ChannelOperation
  ) throws(ChannelError) -> Bool {
    let steps = Semaphores.Steps(Semaphores.Operation(mutex.rawValue, -1, undo: true))
    while true {
      do throws(SystemError) {
        try Semaphores.semtimedop(
          mutexes, steps, nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: 50_000_000))
        return true
      } catch {
        guard error.wouldBlock else { throw ChannelError(error, operation, .queue) }
        if deadline.hasPassed || liveness.peersGone { return false }
      }
    }
  }

  func unlock(_ mutex: Mutex) {
    try? Semaphores.semtimedop(
      mutexes, Semaphores.Steps(Semaphores.Operation(mutex.rawValue, 1, undo: true)), nanoseconds: 0)
  }

  /// Whether nobody is in the middle of a message in parts: it ended, or its sender died.
  var nobodySendsParts: Bool { (try? Semaphores.semctl(value: mutexes, Mutex.sending.rawValue)) ?? 1 > 0 }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    if !liveness.isAnonymous { throw .named(.queue) }
    return EndpointTransfer(parameters: parameters, descriptors: liveness.descriptors) {
      self.liveness.surrender(self, self.parameters)
    }
  }
}
