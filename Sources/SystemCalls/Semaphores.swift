import CSystem
import Glibc

/// System V semaphore sets (sysvipc(7)): private ones, which other processes find by id.
package enum Semaphores {
  /// One step of a semtimedop(2). All steps of a call happen together or not at all.
  package struct Operation: Sendable, BitwiseCopyable {
    let raw: csystem_sembuf

    /// - Parameter undo: the kernel takes the change back when this process ends, however it ends (SEM_UNDO).
    package init(_ index: Int, _ change: Int, undo: Bool = false) {
      self.init(index, change, undo: undo, wait: true)
    }

    init(_ index: Int, _ change: Int, undo: Bool = false, wait: Bool) {
      let flags = (undo ? Int16(CSYSTEM_SEM_UNDO) : 0) | (wait ? 0 : Int16(IPC_NOWAIT))
      raw = csystem_sembuf(index: UInt16(index), change: Int16(change), flags: flags)
    }

    fileprivate init(_ raw: csystem_sembuf) { self.raw = raw }

    fileprivate var withoutWaiting: Operation {
      var raw = raw
      raw.flags |= Int16(IPC_NOWAIT)
      return Operation(raw)
    }
  }

  /// The steps of one semtimedop(2), five at most, in a form that waits and one that doesn't (IPC_NOWAIT). Stored in place:
  /// a call counts no references.
  package struct Steps: Sendable {
    private let waiting: InlineArray<5, Operation>
    private let trying: InlineArray<5, Operation>
    private let count: Int

    package init(_ operations: Operation...) {
      precondition((1...5).contains(operations.count))
      func filled(_ operations: [Operation]) -> InlineArray<5, Operation> {
        InlineArray { $0 < operations.count ? operations[$0] : operations[0] }
      }
      waiting = filled(operations)
      trying = filled(operations.map(\.withoutWaiting))
      count = operations.count
    }

    @inline(__always) fileprivate func semtimedop(trying id: Int32, _ times: Int) throws(SystemError) {
      try Semaphores.semtimedop(id, trying.span.extracting(..<count), nanoseconds: nil, tries: times)
    }

    @inline(__always) fileprivate func semtimedop(waiting id: Int32, nanoseconds: UInt64) throws(SystemError)
    {
      try Semaphores.semtimedop(id, waiting.span.extracting(..<count), nanoseconds: nanoseconds)
    }
  }

  /// semget(2), and semctl(2) with SETALL: a new set with these values, for this user only. Removes it when setting the
  /// values fails.
  ///
  /// - Parameter key: By which ``semget(key:)`` finds it; 0: by none.
  /// - Returns: Its id.
  package static func semget(_ values: [UInt16], creating key: Int32 = 0) throws(SystemError) -> Int32 {
    let id = try system(.semget) {
      Glibc.semget(key, Int32(values.count), SystemVObject.creating(key))
    }
    do {
      try system(.semctl, .semaphores(id)) { unsafe csystem_semctl_setall(id, values) }
    } catch {
      try? semctl(remove: id)
      throw error
    }
    return id
  }

  /// semctl(2) with IPC_RMID; a waiting call fails with EIDRM.
  package static func semctl(remove id: Int32) throws(SystemError) {
    try system(.semctl, .semaphores(id)) { csystem_semctl_remove(id) }
  }

  /// semctl(2) with GETVAL.
  package static func semctl(value id: Int32, _ index: Int) throws(SystemError) -> Int {
    Int(try system(.semctl, .semaphores(id)) { csystem_semctl_getval(id, Int32(index)) })
  }

  /// semget(2) of a set that exists.
  package static func semget(key: Int32) throws(SystemError) -> Int32 {
    try system(.semget) { Glibc.semget(key, 0, 0) }
  }

  package struct Status: Sendable {
    package let object: SystemVObject
    /// How many semaphores the set has.
    package let count: Int
  }

  /// semctl(2) with IPC_STAT.
  package static func semctl(status id: Int32) throws(SystemError) -> Status {
    var raw = csystem_sem_status()
    try system(.semctl, .semaphores(id)) { unsafe csystem_semctl_status(id, &raw) }
    return Status(
      object: SystemVObject(key: raw.key, owner: raw.owner, changed: Int(raw.changed)),
      count: Int(raw.count))
  }

  /// semtimedop(2): tries, and then waits, since with a timeout the call reads the clock before it looks.
  ///
  /// - Parameters:
  ///   - nanoseconds: How long to wait; 0: not at all.
  ///   - tries: How often the steps are tried before the call waits.
  /// - Throws: EAGAIN when the time passed; EINTR when a signal ended the wait (``SystemError/endsWait``). The kernel never
  ///   restarts this call, and its timeout would begin anew: the caller waits for what is left.
  package static func semtimedop(
    _ id: Int32, _ steps: borrowing Steps, nanoseconds: UInt64, tries: Int = 1
  ) throws(SystemError) {
    do throws(SystemError) {
      try steps.semtimedop(trying: id, tries)
    } catch {
      guard nanoseconds > 0, error.wouldBlock else { throw error }
      try steps.semtimedop(waiting: id, nanoseconds: nanoseconds)
    }
  }

  /// The steps, in the 64 bits that a trace has for them: their number in the lowest three, and behind it 4 bits of the
  /// semaphore and 8 of the change for each.
  @inline(__always) private static func packed(_ operations: Span<Operation>) -> UInt64 {
    guard Tracer.isOn else { return 0 }
    var bits = UInt64(min(operations.count, 5))
    for index in operations.indices where index < 5 {
      let step =
        UInt64(operations[index].raw.index & 15) | UInt64(
          UInt8(truncatingIfNeeded: operations[index].raw.change)) << 4
      bits |= step << UInt64(3 + 12 * index)
    }
    return bits
  }

  /// semtimedop(2). Throws EAGAIN when the time passed, or at once for an operation that doesn't wait; with a timeout,
  /// EINTR when a signal came.
  static func semtimedop(
    _ id: Int32, _ operations: Span<Operation>, nanoseconds: UInt64? = nil, tries: Int = 1
  ) throws(SystemError) {
    let timeout = nanoseconds.map { Int64(clamping: $0) } ?? -1
    try system(
      .semtimedop, .semaphores(id, steps: packed(operations), waits: nanoseconds != nil), tries: tries,
      throwsInterrupted: nanoseconds != nil
    ) {
      unsafe operations.withUnsafeBytes { bytes in
        unsafe csystem_semtimedop(
          id, bytes.baseAddress!.assumingMemoryBound(to: csystem_sembuf.self),
          bytes.count / MemoryLayout<csystem_sembuf>.stride, timeout)
      }
    }
  }
}
