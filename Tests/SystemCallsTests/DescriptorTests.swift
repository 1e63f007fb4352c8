import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct DescriptorTests {
    @Test("a descriptor closes when it goes out of scope, and only then")
    func closesAtTheEndOfItsScope() throws {
      let raw: Int32
      do {
        let event = try Events.eventfd()
        raw = event.raw
        #expect(isOpen(raw))
        #expect(closesOnExec(raw))
      }
      #expect(!isOpen(raw))
    }

    private final class Holder {
      private let descriptor: Descriptor
      var raw: Int32 { descriptor.raw }
      init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    }

    @Test("a descriptor closes once: the next one with its number stays open")
    func closesOnce() throws {
      var holders: [Holder] = [Holder(try Events.eventfd())]
      let number = holders[0].raw
      holders = []
      let second = try Events.eventfd()
      // The kernel gives out the lowest free number, which is the one that was closed.
      #expect(second.raw == number)
      #expect(isOpen(number))
    }

    @Test("a released descriptor stays open until the caller closes it")
    func releaseGivesItAway() throws {
      let raw = try Events.eventfd().release()
      #expect(isOpen(raw))
      #expect(close(raw) == 0)
    }

    @Test("moving a descriptor doesn't close it")
    func movesDontClose() throws {
      func take(_ descriptor: consuming Descriptor) -> Int32 { descriptor.release() }
      let event = try Events.eventfd()
      let raw = take(event)
      #expect(isOpen(raw))
      close(raw)
    }

    @Test(
      "a duplicate is another descriptor of the same file, closed on exec, numbered above the standard ones")
    func duplicates() throws {
      let ends = try PipeEnds.pipe2()
      let copy = try ends.writing.duplicate()
      #expect(copy.raw != ends.writing.raw)
      #expect(copy.raw > 2)
      #expect(closesOnExec(copy.raw))
      #expect(try write(copy.raw, [7]) == 1)
      #expect(try read(ends.reading.raw, 8) == [7])
      #expect(throws: SystemError(EBADF, .fcntl)) {
        let none = Descriptor(owning: 1_000_000)
        _ = try none.duplicate()
      }
    }

    @Test("non-blocking mode is set and cleared; duplicates share it, a reopened descriptor doesn't")
    func nonblockingMode() throws {
      let ends = try PipeEnds.pipe2()
      let reopened = try ends.reading.reopenedNonblocking(writing: false)
      #expect(isNonblocking(reopened.raw))
      #expect(!isNonblocking(ends.reading.raw))
      #expect(closesOnExec(reopened.raw))
      let copy = try ends.reading.duplicate()
      try ends.reading.setNonblocking(true)
      #expect(isNonblocking(copy.raw))
      try copy.setNonblocking(false)
      #expect(!isNonblocking(ends.reading.raw))
      #expect(try write(ends.writing.raw, [5]) == 1)
      #expect(try read(reopened.raw, 8) == [5])
    }
  }
}
