import Glibc
import Testing

@testable import SystemCalls

extension AllSystemCallsTests {
  @Suite struct SemaphoresTests {
    typealias Step = Semaphores.Operation

    /// A set of semaphores, removed at the end of its test.
    final class SemaphoreSet {
      let id: Int32
      init(_ values: [UInt16]) throws { id = try Semaphores.semget(values) }
      deinit { try? Semaphores.semctl(remove: id) }
      func values() throws -> [Int] {
        try (0..<(try Semaphores.semctl(count: id))).map { try Semaphores.semctl(value: id, $0) }
      }
    }

    @Test("all steps of an operation happen, or none")
    func together() throws {
      let set = try SemaphoreSet([1, 0, 5])
      try Semaphores.semtimedop(
        set.id, Semaphores.Steps(Step(0, -1), Step(1, 1), Step(2, -5)), nanoseconds: 0)
      #expect(try set.values() == [0, 1, 0])
      #expect(throws: SystemError(EAGAIN, .semtimedop)) {
        try Semaphores.semtimedop(
          set.id, Semaphores.Steps(Step(1, 1), Step(2, 4), Step(0, -1)), nanoseconds: 0)
      }
      #expect(try set.values() == [0, 1, 0])
    }

    @Test("a wait lasts at least its time, and a step that doesn't wait none")
    func deadlines() throws {
      let set = try SemaphoreSet([0])
      let start = Clock.now()
      #expect(throws: SystemError(EAGAIN, .semtimedop)) {
        try Semaphores.semtimedop(set.id, Semaphores.Steps(Step(0, -1)), nanoseconds: 5_000_000)
      }
      #expect(Clock.now() - start >= 5_000_000)
      let now = [Step(0, -1, wait: false)]
      #expect(throws: SystemError(EAGAIN, .semtimedop)) { try Semaphores.semtimedop(set.id, now.span) }
    }

    @Test("undo and its opposite leave nothing to undo")
    func undoCancels() throws {
      let set = try SemaphoreSet([1])
      // In by an undone step, out by one of each kind, as the bounded buffer makes its change final.
      for _ in 0..<1000 {
        try Semaphores.semtimedop(set.id, Semaphores.Steps(Step(0, -1, undo: true)), nanoseconds: 0)
        try Semaphores.semtimedop(
          set.id, Semaphores.Steps(Step(0, 1, undo: true), Step(0, -1), Step(0, 1)), nanoseconds: 0)
      }
      #expect(try set.values() == [1])
    }

    @Test("a removed set, and one that never was, are told")
    func removed() throws {
      let id = try Semaphores.semget([1])
      try Semaphores.semctl(remove: id)
      for attempt in [0, 1] {
        do throws(SystemError) {
          try Semaphores.semtimedop(id, Semaphores.Steps(Step(0, -1)), nanoseconds: UInt64(attempt))
          Issue.record("an operation on a removed set")
        } catch {
          #expect(error.number == EINVAL || error.number == EIDRM)
        }
      }
      #expect(throws: SystemError.self) { _ = try Semaphores.semctl(count: id) }
      #expect(throws: SystemError(EFBIG, .semtimedop)) {
        let set = try SemaphoreSet([0])
        try Semaphores.semtimedop(set.id, Semaphores.Steps(Step(9, 1)), nanoseconds: 0)
      }
      #expect(throws: SystemError(EINVAL, .semget)) { _ = try Semaphores.semget([]) }
    }

    @Test("a value that is too high leaves no set behind")
    func failedCreation() throws {
      let before = try Files.readText("/proc/sysvipc/sem")
      #expect(throws: SystemError(ERANGE, .semctl)) { _ = try Semaphores.semget([32768]) }
      #expect(try Files.readText("/proc/sysvipc/sem") == before)
    }
  }

  @Suite struct SegmentTests {
    @Test("a segment is zeroed, this user's, and as large as asked")
    func creation() throws {
      let segment = try Segment(shmget: 10_000)
      defer { try? Segment.shmctl(remove: segment.id) }
      let bytes = unsafe Array(segment.bytes)
      #expect(bytes == [UInt8](repeating: 0, count: 10_000))
      let status = try Segment.shmctl(status: segment.id)
      #expect(status.owner == getuid() && status.bytes == 10_000 && status.attached == 1)
    }

    @Test("attached twice it is the same memory; it goes with the last that lets go after its removal")
    func sharedMemory() throws {
      let id: Int32
      do {
        let first = try Segment(shmget: 4096)
        id = first.id
        do {
          let second = try Segment(shmat: id)
          unsafe first.bytes.storeBytes(of: 77, toByteOffset: 100, as: UInt8.self)
          let seen = unsafe second.bytes.load(fromByteOffset: 100, as: UInt8.self)
          #expect(seen == 77)
          #expect(try Segment.shmctl(status: id).attached == 2)
        }
        #expect(try Segment.shmctl(status: id).attached == 1)
        try Segment.shmctl(remove: id)
        // Marked, but not gone: one more may come while somebody has it.
        let third = try Segment(shmat: id)
        let seen = unsafe third.bytes.load(fromByteOffset: 100, as: UInt8.self)
        #expect(seen == 77)
      }
      #expect(throws: SystemError.self) { _ = try Segment.shmctl(status: id) }
      #expect(throws: SystemError.self) { _ = try Segment(shmat: id) }
    }

    @Test("one without a user, and not removed, stays; then it is removed")
    func remainsUntilRemoved() throws {
      let id = try Segment(shmget: 1).id
      #expect(try Segment.shmctl(status: id).attached == 0)
      try Segment.shmctl(remove: id)
      #expect(throws: SystemError.self) { try Segment.shmctl(remove: id) }
    }

    @Test("sizes that can't be, and numbers that name none, are refused")
    func refusals() {
      #expect(throws: SystemError(EINVAL, .shmget)) { _ = try Segment(shmget: 0) }
      #expect(throws: SystemError.self) { _ = try Segment(shmget: .max) }
      #expect(throws: SystemError(EINVAL, .shmctl)) { _ = try Segment(shmat: -1) }
      #expect(throws: SystemError(EINVAL, .shmctl)) { _ = try Segment(shmat: .max) }
    }

    #if DEBUG
      @Test("one that can't be attached is removed again")
      func failedAttachment() throws {
        let before = try Files.readText("/proc/sysvipc/shm").split(separator: "\n").count
        #expect(throws: SystemError(ENOMEM, .shmget)) {
          _ = try Faults.with([Faults.Plan(.shmget, at: 1, .errno(ENOMEM))]) { () throws(SystemError) in
            _ = try Segment(shmget: 4096)
          }
        }
        #expect(try Files.readText("/proc/sysvipc/shm").split(separator: "\n").count == before)
      }
    #endif
  }

  @Suite struct MessageQueuesTests {
    /// A message's bytes as msgsnd(2) has them: the type, then the text.
    private func message(_ type: UInt8, _ text: [UInt8]) -> [UInt8] { [type, 0, 0, 0, 0, 0, 0, 0] + text }

    private func send(_ id: Int32, _ type: UInt8, _ text: [UInt8]) throws(SystemError) {
      let bytes = message(type, text)
      unsafe try bytes.span.withUnsafeBytes { raw throws(SystemError) in
        unsafe try MessageQueues.msgsnd(id, raw.baseAddress!, count: text.count, wait: false)
      }
    }

    private func receive(_ id: Int32, capacity: Int, type: Int = 0) throws(SystemError) -> [UInt8] {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + 8, alignment: 8)
      defer { unsafe memory.deallocate() }
      let count = unsafe try MessageQueues.msgrcv(
        id, memory.baseAddress!, capacity: capacity, type: type, wait: false)
      return unsafe Array(memory[8..<(8 + count)])
    }

    @Test("messages keep their boundaries and their order by type; a full queue would block")
    func boundaries() throws {
      let id = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: id) }
      try MessageQueues.msgctl(id, capacity: 64)
      #expect(try MessageQueues.msgctl(status: id).capacityBytes == 64)
      try send(id, 1, [1, 2, 3])
      try send(id, 2, [])
      try send(id, 1, [4])
      #expect(try MessageQueues.msgctl(status: id).messages == 3)
      #expect(throws: SystemError(EAGAIN, .msgsnd)) { try send(id, 1, [UInt8](repeating: 0, count: 62)) }
      #expect(throws: SystemError(EINVAL, .msgsnd)) { try send(id, 0, [1]) }
      #expect(throws: SystemError(E2BIG, .msgrcv)) { _ = try receive(id, capacity: 2) }
      #expect(try receive(id, capacity: 8, type: 2) == [])
      #expect(try receive(id, capacity: 8) == [1, 2, 3])
      #expect(try receive(id, capacity: 8) == [4])
      #expect(throws: SystemError(ENOMSG, .msgrcv)) { _ = try receive(id, capacity: 8) }
    }

    @Test("looking for a message takes none", arguments: [1, 2, 100, 4096])
    func lookingTakesNothing(_ count: Int) throws {
      let id = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: id) }
      #expect(try !MessageQueues.msgrcv(probe: id))
      let texts = (0..<3).map { [UInt8](repeating: UInt8($0), count: count) }
      for (index, text) in texts.enumerated() { try send(id, UInt8(index + 1), text) }
      for (index, text) in texts.enumerated() {
        for _ in 0..<10 { #expect(try MessageQueues.msgrcv(probe: id)) }
        #expect(try MessageQueues.msgctl(status: id).messages == 3 - index)
        #expect(try receive(id, capacity: count) == text)
      }
      #expect(try !MessageQueues.msgrcv(probe: id))
      // Also in a full queue, and of whatever type.
      try MessageQueues.msgctl(id, capacity: 16)
      try send(id, 77, [UInt8](repeating: 9, count: 16))
      #expect(try MessageQueues.msgrcv(probe: id))
      #expect(try MessageQueues.msgctl(status: id).messages == 1)
    }

    @Test("one without a text is seen, and goes with that")
    func lookingAtNothing() throws {
      let id = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: id) }
      try send(id, 5, [])
      try send(id, 1, [7])
      #expect(try MessageQueues.msgrcv(probe: id))
      #expect(try MessageQueues.msgctl(status: id).messages == 1)
      #expect(try MessageQueues.msgrcv(probe: id))
      #expect(try receive(id, capacity: 8) == [7])
      #expect(try !MessageQueues.msgrcv(probe: id))
    }

    @Test("a removed queue is told")
    func removed() throws {
      let id = try MessageQueues.msgget()
      try MessageQueues.msgctl(remove: id)
      #expect(throws: SystemError.self) { try send(id, 1, [1]) }
      #expect(throws: SystemError.self) { _ = try MessageQueues.msgctl(status: id) }
      #expect(throws: SystemError.self) { _ = try MessageQueues.msgrcv(probe: id) }
      #expect(throws: SystemError.self) { try MessageQueues.msgctl(remove: id) }
    }
  }
}
