import CSystem
import Glibc

/// System V message queues (msgget(2), msgop(2)), made private and found by id.
package enum MessageQueues {
  package struct Status: Sendable {
    package let owner: UInt32
    package let messages: Int
    package let capacityBytes: Int
    /// Of the texts that wait.
    package let waitingBytes: Int
  }

  package static func create() throws(SystemError) -> Int32 {
    try system(.msgget) { msgget(key_t(IPC_PRIVATE), Int32(IPC_CREAT) | 0o600) }
  }

  package static func remove(_ id: Int32) throws(SystemError) {
    try system(.msgctl) { msgctl(id, IPC_RMID, nil) }
  }

  package static func status(_ id: Int32) throws(SystemError) -> Status {
    var raw = msqid_ds()
    try system(.msgctl) { unsafe msgctl(id, IPC_STAT, &raw) }
    return Status(
      owner: raw.msg_perm.cuid, messages: Int(raw.msg_qnum), capacityBytes: Int(raw.msg_qbytes),
      waitingBytes: Int(raw.__msg_cbytes))
  }

  /// Lowers how many bytes may wait (IPC_SET; raising it over kernel.msgmnb takes CAP_SYS_RESOURCE).
  package static func setCapacity(_ id: Int32, bytes: Int) throws(SystemError) {
    var raw = msqid_ds()
    try system(.msgctl) { unsafe msgctl(id, IPC_STAT, &raw) }
    raw.msg_qbytes = msglen_t(bytes)
    try system(.msgctl) { unsafe msgctl(id, IPC_SET, &raw) }
  }

  /// `buffer` starts with the type (8 bytes) and holds `count` bytes of text behind it.
  package static func send(
    _ id: Int32, _ buffer: UnsafeRawPointer, count: Int, wait: Bool
  ) throws(SystemError) {
    try system(.msgsnd) { unsafe csystem_message_send(id, buffer, count, wait ? 0 : Int32(IPC_NOWAIT)) }
  }

  /// Whether a message waits; takes none. A buffer without room for a message's text leaves it where it is: E2BIG. One
  /// without a text is taken, and isn't any of ours.
  package static func hasMessage(_ id: Int32) throws(SystemError) -> Bool {
    var type = 0
    do throws(SystemError) {
      try system(.msgrcv) { unsafe csystem_message_receive(id, &type, 0, 0, Int32(IPC_NOWAIT)) }
      return true
    } catch {
      if error.number == E2BIG { return true }
      if error.number == ENOMSG { return false }
      throw error
    }
  }

  /// Takes the first message of `type` (0: of any). Throws ENOMSG when there is none.
  package static func receive(
    _ id: Int32, _ buffer: UnsafeMutableRawPointer, capacity: Int, type: Int, wait: Bool, tries: Int = 1
  ) throws(SystemError) -> Int {
    try system(.msgrcv, tries: tries) {
      unsafe csystem_message_receive(id, buffer, capacity, type, wait ? 0 : Int32(IPC_NOWAIT))
    }
  }
}

/// System V semaphore sets (semget(2), semop(2)).
package enum Semaphores {
  /// One step of a semop(2). All steps of a call happen together or not at all.
  package struct Operation: Sendable, BitwiseCopyable {
    let raw: csystem_semaphore_operation

    /// - Parameter undo: the kernel takes the change back when this process ends, however it ends (SEM_UNDO).
    package init(_ index: Int, _ change: Int, undo: Bool = false, wait: Bool = true) {
      let flags = (undo ? csystem_sem_undo : 0) | (wait ? 0 : Int16(IPC_NOWAIT))
      raw = csystem_semaphore_operation(index: UInt16(index), change: Int16(change), flags: flags)
    }

    fileprivate init(_ raw: csystem_semaphore_operation) { self.raw = raw }

    fileprivate var withoutWaiting: Operation {
      var raw = raw
      raw.flags |= Int16(IPC_NOWAIT)
      return Operation(raw)
    }
  }

  /// The steps of one semop(2), five at most, ready to wait and ready not to. In place, so that using them again and
  /// again counts no references.
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

    /// One semtimedop(2). Throws EAGAIN when it would wait.
    @inline(__always) fileprivate func tries(_ id: Int32, _ times: Int) throws(SystemError) {
      try operate(id, trying.span.extracting(..<count), nanoseconds: nil, tries: times)
    }

    @inline(__always) fileprivate func wait(_ id: Int32, nanoseconds: UInt64) throws(SystemError) {
      try operate(id, waiting.span.extracting(..<count), nanoseconds: nanoseconds)
    }
  }

  /// Tries, and then waits: a semtimedop(2) with a timeout reads the clock before it looks. Throws EAGAIN when it would
  /// wait longer than `nanoseconds`; 0: when it would wait.
  package static func operate(
    _ id: Int32, _ steps: borrowing Steps, nanoseconds: UInt64, tries: Int = 1
  ) throws(SystemError) {
    do throws(SystemError) {
      try steps.tries(id, tries)
    } catch {
      guard nanoseconds > 0, error.wouldBlock else { throw error }
      try steps.wait(id, nanoseconds: nanoseconds)
    }
  }

  package static func create(_ values: [UInt16]) throws(SystemError) -> Int32 {
    let id = try system(.semget) { semget(key_t(IPC_PRIVATE), Int32(values.count), Int32(IPC_CREAT) | 0o600) }
    do {
      try system(.semctl) { unsafe csystem_semaphore_set_all(id, values) }
    } catch {
      try? remove(id)
      throw error
    }
    return id
  }

  package static func remove(_ id: Int32) throws(SystemError) {
    try system(.semctl) { csystem_semaphore_remove(id) }
  }

  package static func value(_ id: Int32, _ index: Int) throws(SystemError) -> Int {
    Int(try system(.semctl) { csystem_semaphore_value(id, Int32(index)) })
  }

  package static func count(_ id: Int32) throws(SystemError) -> Int {
    Int(try system(.semctl) { csystem_semaphore_count(id) })
  }

  /// semtimedop(2). Throws EAGAIN when the time passed (or at once, for an operation that doesn't wait).
  package static func operate(
    _ id: Int32, _ operations: Span<Operation>, nanoseconds: UInt64? = nil, tries: Int = 1
  ) throws(SystemError) {
    let timeout = nanoseconds.map { Int64(clamping: $0) } ?? -1
    try system(.semop, tries: tries) {
      unsafe operations.withUnsafeBytes { bytes in
        unsafe csystem_semaphore_operate(
          id, bytes.baseAddress!.assumingMemoryBound(to: csystem_semaphore_operation.self),
          bytes.count / MemoryLayout<csystem_semaphore_operation>.stride, timeout)
      }
    }
  }
}

/// A System V segment, attached (shmget(2), shmat(2)). Detaches when it goes out of scope.
@safe package struct Segment: ~Copyable, @unchecked Sendable {
  package let id: Int32
  package let bytes: UnsafeMutableRawBufferPointer

  /// Makes a private segment of at least `count` bytes and attaches it.
  package init(creating count: Int) throws(SystemError) {
    let id = try system(.shmget) { shmget(key_t(IPC_PRIVATE), count, Int32(IPC_CREAT) | 0o600) }
    do {
      unsafe (self.bytes = try Self.attach(id, count: count))
      self.id = id
    } catch {
      try? Self.remove(id)
      throw error
    }
  }

  /// Attaches a segment of this user's; its size is what the kernel says.
  package init(attaching id: Int32) throws(SystemError) {
    let status = try Self.status(id)
    guard status.owner == getuid() else { throw SystemError(EACCES, .shmat) }
    unsafe (self.bytes = try Self.attach(id, count: status.bytes))
    self.id = id
  }

  deinit { unsafe shmdt(bytes.baseAddress!) }

  private static func attach(_ id: Int32, count: Int) throws(SystemError) -> UnsafeMutableRawBufferPointer {
    let address = unsafe shmat(id, nil, 0)
    guard let address = unsafe address, Int(bitPattern: address) != -1 else {
      throw SystemError(errno, .shmat)
    }
    return unsafe UnsafeMutableRawBufferPointer(start: address, count: count)
  }

  package struct Status: Sendable {
    package let owner: UInt32
    package let bytes: Int
    package let attached: Int
  }

  package static func status(_ id: Int32) throws(SystemError) -> Status {
    var raw = shmid_ds()
    try system(.shmctl) { unsafe shmctl(id, IPC_STAT, &raw) }
    return Status(owner: raw.shm_perm.cuid, bytes: Int(raw.shm_segsz), attached: Int(raw.shm_nattch))
  }

  /// Marks it for removal: it goes when the last process detaches.
  package static func remove(_ id: Int32) throws(SystemError) {
    try system(.shmctl) { shmctl(id, IPC_RMID, nil) }
  }
}
