import Glibc
import SystemCalls

/// POSIX semaphores (sem_overview(7)): counters in shared memory, over futex(2). They carry tokens.
///
/// - Opening: shmget(2) and shmat(2) give a segment, sem_init(3) two semaphores in it, one for the tokens that were
///   sent, one for those that may still be sent.
/// - Sending: sem_clockwait(3) takes one of the free tokens, sem_post(3) adds one to the sent ones; neither makes a
///   system call while no process waits. Receiving: the reverse.
/// - Waiting: sem_clockwait(3) in slices of 50 ms, after each of which it looks whether the peer is alive.
/// - Dying: the liveness pipe hangs up. There is no SEM_UNDO: a process killed between the two calls takes one place
///   with it. The last endpoint removes the segment with shmctl(2), IPC_RMID.
enum POSIXSemaphoreMechanism: KernelObjectMechanism {
  static let mechanism = Mechanism.posixSemaphore

  static let traits = MechanismTraits(
    summary: "counters in shared memory: tokens, without a call while nothing waits",
    addressForm: "posix-semaphore:NAME",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["shmget", "shmat", "shmctl", "shmdt"], send: ["futex"], receive: ["futex"], wait: ["futex"],
      close: ["shmctl", "shmdt"]
    )
    .adding(LivenessPipe.systemCalls, RegistryEntry.systemCalls),
    carries: .tokens, manySenders: true, manyReceivers: true, coalesces: false, outlivesProcesses: true,
    caveat: "holds \(tokenCapacity) tokens")

  private static let slice: UInt64 = 50_000_000
  private static let segmentBytes = 4096
  private static let sentOffset = 0, freeOffset = 128

  private final class Counter: CounterTransport {
    private let attached: AttachedSegment
    private let owner: KernelObjectOwner
    private let sent: POSIXSemaphore
    private let free: POSIXSemaphore

    init(_ ids: KernelObjectIDs, _ liveness: LivenessPipe) throws(ChannelError) {
      attached = try ids.attach("segment", atLeast: segmentBytes)
      sent = unsafe POSIXSemaphore(attached.segment.bytes, at: sentOffset)
      free = unsafe POSIXSemaphore(attached.segment.bytes, at: freeOffset)
      owner = try KernelObjectOwner(
        mechanism, liveness, ids: [("segment", String(attached.segment.id))] + ids.identity,
        attachments: attached)
    }

    /// A semaphore that isn't one any more, or has as many as it can, was changed by another process.
    @inline(__always) private func checking<Result>(
      _ operation: ChannelError.Operation, _ call: () throws(SystemError) -> Result
    ) throws(ChannelError) -> Result {
      do throws(SystemError) {
        return try call()
      } catch {
        guard error.number == EINVAL || error.number == EOVERFLOW else {
          throw ChannelError(error, operation, mechanism)
        }
        throw .violation(mechanism, "\(error.call.rawValue): \(error)", operation)
      }
    }

    private func semClockwait(
      _ semaphore: POSIXSemaphore, until deadline: Deadline, _ operation: ChannelError.Operation
    ) throws(ChannelError) -> Bool {
      while true {
        let took = try checking(operation) { () throws(SystemError) in
          try semaphore.semClockwait(nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: slice))
        }
        if took { return true }
        if deadline.hasPassed || owner.peersGone { return false }
      }
    }

    var objects: [String] { owner.objects }

    func put(until deadline: Deadline) throws(ChannelError) -> Bool {
      if owner.peersGone { throw .closed(.send, mechanism) }
      guard try semClockwait(free, until: deadline, .send) else {
        if owner.peersGone { throw .closed(.send, mechanism) }
        return false
      }
      try checking(.send) { () throws(SystemError) in try sent.semPost() }
      return true
    }

    func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
      if try !semClockwait(sent, until: deadline, .receive) {
        guard owner.peersGone else { return .nothing }
        // Once more, for what the last sender left.
        guard try semClockwait(sent, until: .now, .receive) else { return .ended }
      }
      try checking(.receive) { () throws(SystemError) in try free.semPost() }
      return .bytes(0)
    }

    func readiness(toPut: Bool) -> Readiness { .thread }

    func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool {
      let semaphore = toPut ? free : sent
      let found = try? semClockwait(semaphore, until: deadline, .wait)
      // A wait for a POSIX semaphore takes a token: it is given back.
      if found == true { try? semaphore.semPost() }
      return found ?? true || owner.peersGone
    }

    func close() { owner.close() }
    func transfer() throws(ChannelError) -> EndpointTransfer { try owner.transfer() }
    func finishTransfer() -> AnyObject? { owner.finishTransfer() }
  }

  static func create(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> CreatedObjects {
    try translating(.open, mechanism) { () throws(SystemError) in
      let segment = try Segment(shmget: segmentBytes, creating: key)
      try unsafe POSIXSemaphore(segment.bytes, at: sentOffset).semInit(0)
      try unsafe POSIXSemaphore(segment.bytes, at: freeOffset).semInit(UInt32(tokenCapacity))
      return CreatedObjects(["segment": String(segment.id)])
    }
  }

  static func sender(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any SenderTransport {
    CounterSender(mechanism, try Counter(ids, liveness), options)
  }

  static func receiver(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport {
    CounterReceiver(mechanism, try Counter(ids, liveness), options)
  }

  static func limits() -> [MechanismLimit] {
    [MechanismLimit("tokens on the way", tokenCapacity, "count")]
  }
}
