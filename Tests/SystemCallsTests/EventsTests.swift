import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct EventsTests {
    @Test("a read takes a whole counter, and one from a semaphore")
    func counting() throws {
      func take(_ event: borrowing Descriptor) throws(SystemError) -> UInt64 {
        let bytes = try read(event.raw, 8)
        return bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) }
      }
      let counter = try Events.eventfd(5)
      try counter.setNonblocking(true)
      // In one piece: the kernel takes eight bytes at a time, and wouldn't take an empty piece before them.
      let more: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0]
      let written = unsafe Glibc.write(counter.raw, more, 8)
      #expect(written == 8)
      #expect(try take(counter) == 7)
      #expect(throws: SystemError(EAGAIN, .read)) { _ = try take(counter) }
      let semaphore = try Events.eventfd(2, semaphore: true)
      try semaphore.setNonblocking(true)
      #expect(try take(semaphore) == 1)
      #expect(try take(semaphore) == 1)
      #expect(throws: SystemError(EAGAIN, .read)) { _ = try take(semaphore) }
    }
  }
}
