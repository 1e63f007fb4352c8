import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct POSIXSemaphoreTests {
    @Test("a semaphore counts; a wait lasts at least its timeout")
    func counting() throws {
      let segment = try Segment(shmget: 4096)
      try Segment.shmctl(remove: segment.id)
      let semaphore = unsafe POSIXSemaphore(segment.bytes, at: 64)
      try semaphore.semInit(1)
      #expect(try semaphore.semClockwait(nanoseconds: 0))
      #expect(try !semaphore.semClockwait(nanoseconds: 0))
      try semaphore.semPost()
      #expect(try semaphore.semClockwait(nanoseconds: 1_000_000_000))
      let start = Clock.now()
      #expect(try !semaphore.semClockwait(nanoseconds: 5_000_000))
      #expect(Clock.now() - start >= 5_000_000)
    }
  }
}
