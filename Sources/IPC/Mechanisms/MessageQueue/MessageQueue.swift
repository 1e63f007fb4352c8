import SystemCalls

/// System V message queues (sysvipc(7), msgop(2)): many senders, many receivers, messages with a boundary and a type.
///
/// - Opening: msgget(2) makes a private queue; `?capacity=` lowers its msg_qbytes with msgctl(2). Beside it lie two
///   semaphores (semget(2)), which serve as mutexes, and a segment (shmget(2), shmat(2)) with an event count each
///   way: a counter on which a process sleeps and another wakes it (``EventCount``).
/// - Sending: msgsnd(2), with IPC_NOWAIT where it must not block. Type 1 is a frame, or several small ones; type 2 a
///   fragment of a message that is larger than kernel.msgmax. One sender at a time sends fragments: it holds a mutex
///   (semtimedop(2) with SEM_UNDO), so that a receiver sees when that sender has died.
/// - Receiving: msgrcv(2) of type 0: always the oldest, so that the queue's order is the channel's. Several receivers
///   take turns under the other mutex, and one that has the first fragment of a message keeps it until the message is
///   whole.
/// - Waiting: msgsnd(2) and msgrcv(2) have no deadline and don't end when the peer dies. So they are tried with
///   IPC_NOWAIT, and an endpoint waits at an event count (futex(2)), which costs a busy channel no call. Under
///   `?wait=block`, a call without a deadline waits in msgrcv(2) itself if there is one receiver (`?receivers=one`),
///   or in msgsnd(2) if the channel has no name: one call instead of four.
/// - Closing and dying: the liveness pipe, which carries nothing, hangs up (``LivenessPipe``). A thread of this
///   process then ends its own call that waits in the kernel: it sends its receiver an empty message of type 3, or
///   takes out what fills the queue, which no process reads any more. The kernel releases a dead holder's mutex. The
///   last endpoint removes the queue with msgctl(2), IPC_RMID.
enum MessageQueueMechanism: KernelObjectMechanism {
  static let mechanism = Mechanism.queue

  static let traits = MechanismTraits(
    summary: "the kernel's own message queue: boundaries and types, many senders and receivers",
    addressForm: "queue:NAME",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["msgget", "msgctl", "semget", "semctl", "shmget", "shmat", "shmctl", "shmdt"],
      send: ["msgsnd", "semtimedop", "futex"], receive: ["msgrcv", "semtimedop", "semctl", "futex"],
      wait: ["futex", "msgsnd", "msgrcv", "msgctl", "semtimedop", "semctl"],
      close: ["msgsnd", "msgctl", "semctl", "shmctl", "shmdt", "futex"]
    )
    .adding(LivenessPipe.systemCalls, RegistryEntry.systemCalls),
    manySenders: true, manyReceivers: true, outlivesProcesses: true, bytesPerCall: largestMessage,
    baseline: .queue,
    caveat: "holds kernel.msgmnb bytes, which only the administrator can raise (sysctl kernel.msgmnb=...)")

  /// The types of the queue's messages.
  enum MessageType {
    static let frame = 1, fragment = 2
    /// From a receiver's own monitor: all senders are gone.
    static let hangUp = 3
  }

  /// The largest message that a queue of the default capacity takes.
  private static let largestMessage = min(
    KernelLimit.number("kernel/msgmax"), KernelLimit.number("kernel/msgmnb"))

  /// The bytes of the type before a message's text.
  static let typeBytes = 8

  // MARK: Opening

  static func sharesReceiving(_ options: ChannelOptions) -> Bool { options.receivers != .one }

  static func create(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> CreatedObjects {
    let queue = try createQueue(options, key)
    do throws(SystemError) {
      let mutexes = try Semaphores.semget([1, 1], creating: key)
      do throws(SystemError) {
        let segment = try Segment(shmget: QueueEndpoint.segmentBytes, creating: key)
        return CreatedObjects([
          "queue": String(queue), "mutexes": String(mutexes), "segment": String(segment.id),
        ])
      } catch {
        try? Semaphores.semctl(remove: mutexes)
        throw error
      }
    } catch {
      try? MessageQueues.msgctl(remove: queue)
      throw ChannelError(error, .open, mechanism)
    }
  }

  private static let smallestCapacity = 64

  private static func createQueue(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> Int32 {
    if let wanted = options.capacityBytes {
      guard wanted >= smallestCapacity else {
        throw ChannelError(
          .invalidAddress, .open, mechanism,
          "a queue of \(wanted) bytes holds no message: ask for \(smallestCapacity) or more")
      }
      // The kernel would keep the low half of a larger number.
      guard wanted <= Int32.max else { throw tooLarge(wanted, errno: nil) }
    }
    let queue = try translating(.open, mechanism) { () throws(SystemError) in
      try MessageQueues.msgget(creating: key)
    }
    guard let wanted = options.capacityBytes else { return queue }
    do throws(SystemError) {
      try MessageQueues.msgctl(queue, capacity: wanted)
    } catch {
      try? MessageQueues.msgctl(remove: queue)
      throw tooLarge(wanted, errno: error.number)
    }
    return queue
  }

  private static func tooLarge(_ wanted: Int, errno: Int32?) -> ChannelError {
    ChannelError(
      .system, .open, mechanism,
      "a queue of \(wanted) bytes is over kernel.msgmnb (\(KernelLimit.number("kernel/msgmnb"))): ask for less, or raise kernel.msgmnb with sysctl as root",
      errno: errno)
  }

  /// The bytes of one queue message: never more than the queue holds.
  private static func unitBytes(_ queue: Int32) throws(ChannelError) -> Int {
    let status = try translating(.open, mechanism) { () throws(SystemError) in
      try MessageQueues.msgctl(status: queue)
    }
    let largest = try KernelLimit.required("kernel/msgmax", mechanism)
    guard largest >= smallestCapacity else { throw tooSmall("kernel.msgmax", largest) }
    guard status.capacityBytes >= smallestCapacity else {
      throw tooSmall("kernel.msgmnb", KernelLimit.number("kernel/msgmnb"))
    }
    return min(largest, status.capacityBytes)
  }

  private static func tooSmall(_ limit: String, _ value: Int) -> ChannelError {
    ChannelError(
      .system, .open, mechanism,
      "\(limit) is \(value), and a queue of a channel needs \(smallestCapacity): raise it with sysctl \(limit)=16384 as root, or use another mechanism"
    )
  }

  /// A message that the queue takes no more: kernel.msgmax was lowered, which the kernel reports as it does a removed queue.
  static func overLimit(_ count: Int, _ operation: ChannelError.Operation) -> ChannelError? {
    let largest = KernelLimit.number("kernel/msgmax")
    guard largest > 0, count > largest else { return nil }
    return ChannelError(
      .messageTooLong, operation, mechanism,
      "a queue message of \(count) bytes is over kernel.msgmax (\(largest)): send less, or raise it with sysctl as root",
      limit: largest)
  }

  static func sender(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any SenderTransport {
    // What fills a queue with a name may be for a receiver that comes later: no monitor throws it away.
    let waitsInKernel = options.wait == .block && liveness.isAnonymous
    let endpoint = try QueueEndpoint(ids, liveness, waitsInKernel: waitsInKernel)
    return FramedSender(mechanism, QueueWriter(endpoint, unitBytes: try unitBytes(endpoint.queue)), options)
  }

  static func receiver(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport {
    let endpoint = try QueueEndpoint(ids, liveness, waitsInKernel: options.wait == .block)
    let reader = QueueReader(
      endpoint, unitBytes: try unitBytes(endpoint.queue), takesTurns: options.receivers != .one)
    return FramedReceiver(mechanism, reader, options)
  }

  static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.msgmax", KernelLimit.number("kernel/msgmax"), "bytes"),
      MechanismLimit("kernel.msgmnb", KernelLimit.number("kernel/msgmnb"), "bytes"),
      MechanismLimit("kernel.msgmni", KernelLimit.number("kernel/msgmni"), "queues"),
    ]
  }
}
