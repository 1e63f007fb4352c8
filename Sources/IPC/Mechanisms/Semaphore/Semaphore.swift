import SystemCalls

/// System V semaphores (sem_overview(7), semop(2)): the classic bounded buffer, slots in a segment that semaphores
/// count and guard; with `?type=tokens`, counters alone.
///
/// - Opening: shmget(2) and shmat(2) give the segment, semget(2) the set, semctl(2) with SETALL its first values.
/// - Sending: one semtimedop(2) takes a free slot and the senders' mutex, a copy fills the slot, a second
///   semtimedop(2) counts it as used and releases the mutex. A message that is larger than a slot (4096 bytes) goes
///   in fragments, inside one turn.
/// - Receiving: the same with the used slots and the receivers' mutex.
/// - Both: a turn that follows another process's first reads with semctl(2), GETVAL, at which slot it is.
/// - Waiting: semtimedop(2) blocks until the counts allow the change, in slices of 80 ms, after each of which it
///   looks whether the liveness pipe (``LivenessPipe``) has hung up.
/// - Closing and dying: every change that a process makes inside its turn carries SEM_UNDO, so the kernel undoes it:
///   the mutex is released, a slot half written is free again, a slot half read is used again. The last semtimedop(2)
///   of a turn makes it final. The last endpoint removes set and segment with semctl(2) and shmctl(2), IPC_RMID.
enum SemaphoreMechanism: KernelObjectMechanism {
  static let mechanism = Mechanism.semaphore

  static let traits = MechanismTraits(
    summary:
      "the classic bounded buffer: slots in a segment, counted and guarded by semaphores; ?type=tokens counts alone",
    addressForm: "semaphore:NAME",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["semget", "semctl", "shmget", "shmat", "shmctl", "shmdt"], send: ["semtimedop", "semctl"],
      receive: ["semtimedop", "semctl"], wait: ["semtimedop", "semctl"],
      close: ["semtimedop", "semctl", "shmctl", "shmdt"]
    )
    .adding(LivenessPipe.systemCalls, RegistryEntry.systemCalls),
    types: [.messages, .tokens], manySenders: true, manyReceivers: true, outlivesProcesses: true,
    bytesPerCall: BoundedBuffer.slotBytes,
    baseline: .semaphore,
    caveat: "two calls per message in each process, each of which takes an undo entry of kernel.sem's"
  )

  // MARK: Options

  private static let defaultSlots = 64

  private static func slots(_ options: ChannelOptions) throws(ChannelError) -> Int {
    guard let bytes = options.capacityBytes else { return defaultSlots }
    let maximum = BoundedBuffer.slotRange.upperBound
    guard bytes <= maximum * BoundedBuffer.slotBytes else {
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "a buffer holds at most 64 MiB (\(maximum) slots of \(BoundedBuffer.slotBytes) bytes): ask for less")
    }
    return max(
      BoundedBuffer.slotRange.lowerBound, (bytes + BoundedBuffer.slotBytes - 1) / BoundedBuffer.slotBytes)
  }

  // MARK: Opening

  static func create(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> CreatedObjects {
    if options.type == .tokens {
      return CreatedObjects(try create(SemaphoreCounter.segmentBytes, SemaphoreCounter.values, key))
    }
    let slots = try slots(options)
    let ids = try create(BoundedBuffer.segmentBytes(slots: slots), BoundedBuffer.values(slots: slots), key)
    return CreatedObjects(ids.merging(["slots": String(slots)]) { $1 })
  }

  private static func create(
    _ bytes: Int, _ values: [UInt16], _ key: Int32
  ) throws(ChannelError) -> [String: String] {
    try translating(.open, mechanism) { () throws(SystemError) in
      let segment = try Segment(shmget: bytes, creating: key)
      do throws(SystemError) {
        return [
          "set": String(try Semaphores.semget(values, creating: key)), "segment": String(segment.id),
        ]
      } catch {
        try? Segment.shmctl(remove: segment.id)
        throw error
      }
    }
  }

  static func sender(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any SenderTransport {
    options.type == .tokens
      ? CounterSender(mechanism, try SemaphoreCounter(ids, liveness), options)
      : FramedSender(mechanism, BoundedBufferWriter(try BoundedBuffer(ids, liveness)), options)
  }

  static func receiver(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport {
    options.type == .tokens
      ? CounterReceiver(mechanism, try SemaphoreCounter(ids, liveness), options)
      : FramedReceiver(mechanism, BoundedBufferReader(try BoundedBuffer(ids, liveness)), options)
  }

  static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.sem SEMMNI", KernelLimit.number("kernel/sem", 3), "sets"),
      MechanismLimit("SEMVMX", maximumValue, "count"),
      MechanismLimit("kernel.shmmax", KernelLimit.number("kernel/shmmax"), "bytes"),
    ]
  }

  /// SEMVMX: the highest value of a semaphore.
  private static let maximumValue = 32767

  // MARK: Waiting

  /// A wait looks this often whether the peer is alive, in nanoseconds; the kernel wakes it for everything else.
  private static let slice: UInt64 = 80_000_000

  /// One semtimedop(2), waiting in slices. Returns false if the deadline passes, or the peers are gone.
  static func semtimedopInSlices(
    _ set: Int32, _ steps: borrowing Semaphores.Steps, until deadline: Deadline, tries: Int = 1,
    _ owner: KernelObjectOwner, _ operation: ChannelError.Operation
  ) throws(ChannelError) -> Bool {
    while true {
      do throws(SystemError) {
        try Semaphores.semtimedop(
          set, steps, nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: slice), tries: tries)
        return true
      } catch {
        guard error.endsWait else { throw owner.failure(error, operation) }
        if deadline.hasPassed || owner.peersGone { return false }
      }
    }
  }

  /// Waits until a count is above 0, and leaves it so: one semtimedop(2) takes one and gives it back. Returns true
  /// also if the peers are gone, or the set; false if the deadline passes.
  static func waitUntilPositive(
    _ set: Int32, _ index: Int, until deadline: Deadline, _ owner: KernelObjectOwner
  ) -> Bool {
    let look = Semaphores.Steps(Semaphores.Operation(index, -1), Semaphores.Operation(index, 1))
    let found = try? semtimedopInSlices(set, look, until: deadline, owner, .wait)
    // The next call throws the error.
    return found ?? true || owner.peersGone
  }
}
