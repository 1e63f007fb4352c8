import SystemCalls

/// System V shared memory (shm_overview(7), shmop(2)): a lock-free ring that one process writes and another reads in
/// place.
///
/// - Opening: shmget(2) makes a segment, shmat(2) attaches it; the ring's layout is in ``Ring``. A segment without a
///   name is marked for removal (shmctl(2), IPC_RMID) as soon as it is attached: Linux lets a child
///   attach it by its id while a process has it, and removes it with the last one, even if all are killed. One with a
///   name is removed by the last endpoint that closes.
/// - Sending: the message is written into the ring and published by storing the tail. No call, while the receiver is
///   awake: futex(2) wakes it if it sleeps. membarrier(2), which the receiver calls before it sleeps, spares the
///   sender a memory fence: its CPU must make the tail visible before it looks for a sleeper.
/// - Receiving: the message is read where the sender wrote it. The receiver stores the head when it has read a
///   quarter of the ring, or everything.
/// - Waiting: futex(2) on an event count (``EventCount``) in the ring, in slices of 250 ms.
/// - Closing and dying: the liveness pipe (``LivenessPipe``) hangs up, and the process's monitor wakes the waiting
///   endpoint. A killed sender leaves what it published; a message that it was writing was never published. An
///   endpoint that closes says so in the ring, wakes its peer and detaches the segment with shmdt(2); so does the
///   process's end.
enum SharedMemoryMechanism: KernelObjectMechanism {
  static let mechanism = Mechanism.memory

  static let traits = MechanismTraits(
    summary: "a lock-free ring that one process writes and another reads in place; no call per message",
    addressForm: "memory:NAME",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["shmget", "shmat", "shmctl", "shmdt", "membarrier", "rmdir"], send: ["futex"],
      receive: ["futex"],
      wait: ["futex", "membarrier"], close: ["futex", "shmctl", "shmdt"]
    )
    .adding(LivenessPipe.systemCalls, RegistryEntry.systemCalls),
    manySenders: false, manyReceivers: false, writesInPlace: true, outlivesProcesses: true, baseline: .ring,
    caveat: "one sender and one receiver; a hostile sender can change a message while it is read")

  /// The bytes of a ring without `?capacity=`.
  static let defaultCapacity = 1 << 20

  static let isRemovedByKernel = true

  static func create(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> CreatedObjects {
    let capacity = Ring.capacity(for: options.capacityBytes ?? defaultCapacity)
    let attached = try translating(.open, mechanism) { () throws(SystemError) in
      AttachedSegment(try Segment(shmget: Ring.bytes(capacity: capacity), creating: key))
    }
    unsafe Ring.format(attached.segment.bytes, capacity: capacity)
    return CreatedObjects(["segment": String(attached.segment.id)], keeping: attached)
  }

  static func sender(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any SenderTransport {
    try RingSender(try endpoint(ids, liveness), options)
  }

  static func receiver(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport {
    try RingReceiver(try endpoint(ids, liveness), options)
  }

  private static func endpoint(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe
  ) throws(ChannelError) -> RingEndpoint {
    let attached = try ids.attach("segment", atLeast: 0)
    let id = attached.segment.id
    guard let ring = unsafe try Ring(attached.segment.bytes, mechanism) else {
      throw ChannelError(
        .protocolViolation, .open, mechanism,
        "segment \(id) holds no ring: remove the name if no process uses it")
    }
    return try RingEndpoint(
      mechanism, ring, liveness, ids: [("segment", String(id))] + ids.identity, attachments: attached)
  }

  static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.shmmax", KernelLimit.number("kernel/shmmax"), "bytes"),
      MechanismLimit("kernel.shmmni", KernelLimit.number("kernel/shmmni"), "segments"),
    ]
  }
}
