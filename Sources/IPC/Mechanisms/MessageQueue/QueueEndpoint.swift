import Synchronization
import SystemCalls

/// What one endpoint has of a queue channel: the queue, the mutexes, the event counts, and how it waits.
final class QueueEndpoint: Sendable {
  let queue: Int32
  private let mutexes: Int32
  private let owner: KernelObjectOwner
  /// Senders notify it, for receivers that sleep.
  let messages: EventCount
  /// Receivers notify it, for senders that sleep.
  let room: EventCount
  private let kernelWait: KernelWait

  static let segmentBytes = 4096
  private static let messagesOffset = 128, roomOffset = 256

  /// In nanoseconds. Where other receivers live on, nothing reports the death of one: it may have had the turn, or taken a
  /// message without notifying a sender that waits for the room.
  private static let slice: UInt64 = 50_000_000

  /// - Parameter waitsInKernel: whether a call without a deadline waits in msgsnd(2) or msgrcv(2).
  init(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, waitsInKernel: Bool
  ) throws(ChannelError) {
    queue = try ids.id("queue")
    mutexes = try ids.id("mutexes")
    let attached = try ids.attach("segment", atLeast: Self.segmentBytes)
    messages = unsafe EventCount(
      SharedWord(attached.segment.bytes, at: Self.messagesOffset), slice: Self.slice)
    room = unsafe EventCount(SharedWord(attached.segment.bytes, at: Self.roomOffset), slice: Self.slice)
    let kernelWait = KernelWait(queue, liveness.side, isUsed: waitsInKernel)
    self.kernelWait = kernelWait
    let eventCount = liveness.side == .sender ? room : messages
    owner = try KernelObjectOwner(
      .queue, liveness,
      ids: [
        ("queue", String(queue)), ("mutexes", String(mutexes)), ("segment", String(attached.segment.id)),
      ] + ids.identity, attachments: attached
    ) {
      eventCount.wake()
      kernelWait.peersAreGone()
    }
  }

  var peersGone: Bool { owner.peersGone }

  func failure(_ error: SystemError, _ operation: ChannelError.Operation) -> ChannelError {
    owner.failure(error, operation)
  }

  func close() {
    owner.close()
    // The peer may sleep until something changes: this does.
    messages.wake()
    room.wake()
  }

  var objects: [String] { owner.objects }
  func transfer() throws(ChannelError) -> EndpointTransfer { try owner.transfer() }
  func finishTransfer() -> AnyObject? { owner.finishTransfer() }

  // MARK: Waiting in the kernel

  var waitsInKernel: Bool { kernelWait.isUsed }

  /// Runs a call that waits without a limit. Returns nil if the peers are gone: the call wasn't made, or was ended.
  func inKernel<Result>(_ call: () throws(SystemError) -> Result) throws(SystemError) -> Result? {
    kernelWait.isWaiting.store(true, ordering: .sequentiallyConsistent)
    defer { kernelWait.isWaiting.store(false, ordering: .sequentiallyConsistent) }
    // Read after the store: either this sees that the peers are gone, or the monitor sees that this waits.
    if owner.liveness.peersGoneInOrder { return nil }
    return try call()
  }

  // MARK: Mutexes

  /// Mutexes that the kernel releases when their holder dies (SEM_UNDO).
  enum Mutex: Int {
    /// Held by the sender of a fragmented message.
    case sending = 0
    /// Held by the receiver whose turn it is.
    case receiving = 1
  }

  private static let lockSlice: UInt64 = 50_000_000

  /// Takes a mutex, or waits for it in slices. Returns false if the deadline passes, or the peers are gone.
  func lock(
    _ mutex: Mutex, until deadline: Deadline, _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Bool {
    let steps = Semaphores.Steps(Semaphores.Operation(mutex.rawValue, -1, undo: true))
    while true {
      do throws(SystemError) {
        try Semaphores.semtimedop(
          mutexes, steps, nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: Self.lockSlice))
        return true
      } catch {
        guard error.endsWait else { throw owner.failure(error, operation) }
        if deadline.hasPassed || peersGone { return false }
      }
    }
  }

  func unlock(_ mutex: Mutex) {
    try? Semaphores.semtimedop(
      mutexes, Semaphores.Steps(Semaphores.Operation(mutex.rawValue, 1, undo: true)), nanoseconds: 0)
  }

  /// Whether no sender is in the middle of a fragmented message: it has ended, or its sender died.
  var noSenderHoldsMutex: Bool {
    (try? Semaphores.semctl(value: mutexes, Mutex.sending.rawValue)) ?? 1 > 0
  }
}

/// A wait of this endpoint in msgsnd(2) or msgrcv(2), which this process itself ends when the peers are gone.
private final class KernelWait: Sendable {
  private let queue: Int32
  private let side: LivenessPipe.Side
  let isUsed: Bool
  /// Whether the endpoint waits in the kernel now.
  let isWaiting = Atomic<Bool>(false)

  init(_ queue: Int32, _ side: LivenessPipe.Side, isUsed: Bool) {
    self.queue = queue
    self.side = side
    self.isUsed = isUsed
  }

  /// On the monitor's thread, which other endpoints wait for: the work is done on another.
  func peersAreGone() {
    guard isUsed, isWaiting.load(ordering: .sequentiallyConsistent) else { return }
    do throws(SystemError) {
      try Threads.start(name: "ipc-hang-up") { self.end() }
    } catch {
      end()
    }
  }

  private static let pause: UInt64 = 1_000_000
  private static let maximumMessages = 100_000

  /// One round ends the call, unless it comes between the flag and the call.
  private func end() {
    while isWaiting.load(ordering: .sequentiallyConsistent) {
      switch side {
      case .receiver:
        var type = MessageQueueMechanism.MessageType.hangUp
        // A full queue has something to receive, which ends the call as well.
        unsafe withUnsafeBytes(of: &type) { bytes in
          try? unsafe MessageQueues.msgsnd(queue, bytes.baseAddress!, count: 0, wait: false)
        }
      case .sender: discardMessages()
      }
      Clock.sleep(nanoseconds: Self.pause)
    }
  }

  private func discardMessages() {
    // No message is longer than the queue's capacity; one that didn't fit would stay.
    guard let longest = (try? MessageQueues.msgctl(status: queue))?.capacityBytes else { return }
    let room = longest + MessageQueueMechanism.typeBytes
    let scratch = ByteBuffer(capacity: room)
    let base = unsafe scratch.room(room).baseAddress!
    for _ in 0..<Self.maximumMessages {
      let count = try? unsafe MessageQueues.msgrcv(queue, base, capacity: longest, type: 0, wait: false)
      if count == nil { return }
    }
  }
}
