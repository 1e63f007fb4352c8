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
        try (0..<(try Semaphores.semctl(status: id).count)).map { try Semaphores.semctl(value: id, $0) }
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

    @Test("a wait lasts at least its timeout; a step that doesn't wait returns at once")
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
      // A step with undo, then one of each kind: how the bounded buffer makes its change final.
      for _ in 0..<1000 {
        try Semaphores.semtimedop(set.id, Semaphores.Steps(Step(0, -1, undo: true)), nanoseconds: 0)
        try Semaphores.semtimedop(
          set.id, Semaphores.Steps(Step(0, 1, undo: true), Step(0, -1), Step(0, 1)), nanoseconds: 0)
      }
      #expect(try set.values() == [1])
    }

    @Test("calls on a removed set, and on one that never existed, fail")
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
      #expect(throws: SystemError.self) { _ = try Semaphores.semctl(status: id).count }
      #expect(throws: SystemError(EFBIG, .semtimedop)) {
        let set = try SemaphoreSet([0])
        try Semaphores.semtimedop(set.id, Semaphores.Steps(Step(9, 1)), nanoseconds: 0)
      }
      #expect(throws: SystemError(EINVAL, .semget)) { _ = try Semaphores.semget([]) }
    }

    @Test("a value that is too large leaves no set behind")
    func failedCreation() throws {
      let before = try Files.readText("/proc/sysvipc/sem")
      #expect(throws: SystemError(ERANGE, .semctl)) { _ = try Semaphores.semget([32768]) }
      #expect(try Files.readText("/proc/sysvipc/sem") == before)
    }
  }
}
