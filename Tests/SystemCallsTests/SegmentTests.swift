import Glibc
import Testing

@testable import SystemCalls

extension AllSystemCallsTests {
  @Suite struct SegmentTests {
    @Test("a segment is zeroed, for this user, and as large as asked")
    func creation() throws {
      let segment = try Segment(shmget: 10_000)
      defer { try? Segment.shmctl(remove: segment.id) }
      let bytes = unsafe Array(segment.bytes)
      #expect(bytes == [UInt8](repeating: 0, count: 10_000))
      let status = try Segment.shmctl(status: segment.id)
      #expect(status.object.owner == getuid() && status.bytes == 10_000 && status.attached == 1)
    }

    @Test("a segment attached twice is the same memory; once removed, it goes with the last detach")
    func sharedMemory() throws {
      let id: Int32
      do {
        let first = try Segment(shmget: 4096)
        id = first.id
        do {
          let second = try Segment(shmat: id)!
          unsafe first.bytes.storeBytes(of: 77, toByteOffset: 100, as: UInt8.self)
          let seen = unsafe second.bytes.load(fromByteOffset: 100, as: UInt8.self)
          #expect(seen == 77)
          #expect(try Segment.shmctl(status: id).attached == 2)
        }
        #expect(try Segment.shmctl(status: id).attached == 1)
        try Segment.shmctl(remove: id)
        // Marked for removal, but it can be attached while a process has it.
        let third = try Segment(shmat: id)!
        let seen = unsafe third.bytes.load(fromByteOffset: 100, as: UInt8.self)
        #expect(seen == 77)
      }
      #expect(throws: SystemError.self) { _ = try Segment.shmctl(status: id) }
      #expect(throws: SystemError.self) { _ = try Segment(shmat: id) }
    }

    @Test("a segment that isn't attached stays until it is removed")
    func remainsUntilRemoved() throws {
      let id = try Segment(shmget: 1).id
      #expect(try Segment.shmctl(status: id).attached == 0)
      try Segment.shmctl(remove: id)
      #expect(throws: SystemError.self) { try Segment.shmctl(remove: id) }
    }

    @Test("invalid sizes and ids are refused")
    func refusals() {
      #expect(throws: SystemError(EINVAL, .shmget)) { _ = try Segment(shmget: 0) }
      #expect(throws: SystemError.self) { _ = try Segment(shmget: .max) }
      #expect(throws: SystemError(EINVAL, .shmctl)) { _ = try Segment(shmat: -1) }
      #expect(throws: SystemError(EINVAL, .shmctl)) { _ = try Segment(shmat: .max) }
    }

    #if DEBUG
      @Test("a segment that can't be attached is removed again")
      func failedAttachment() throws {
        let before = try Files.readText("/proc/sysvipc/shm").split(separator: "\n").count
        #expect(throws: SystemError(ENOMEM, .shmat)) {
          _ = try Faults.with([Faults.Plan(.shmat, at: 1, .errno(ENOMEM))]) { () throws(SystemError) in
            _ = try Segment(shmget: 4096)
          }
        }
        #expect(try Files.readText("/proc/sysvipc/shm").split(separator: "\n").count == before)
      }
    #endif
  }
}
