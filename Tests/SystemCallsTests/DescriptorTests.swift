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

    @Test("it closes once: whoever gets its number next keeps it")
    func closesOnce() throws {
      var holders: [Holder] = [Holder(try Events.eventfd())]
      let number = holders[0].raw
      holders = []
      let second = try Events.eventfd()
      // The kernel gives out the lowest free number, which is the one that was closed.
      #expect(second.raw == number)
      #expect(isOpen(number))
    }

    @Test("what was released is the caller's to close")
    func releaseGivesItAway() throws {
      let raw = try Events.eventfd().release()
      #expect(isOpen(raw))
      #expect(close(raw) == 0)
    }

    @Test("a moved descriptor isn't closed by where it came from")
    func movesDontClose() throws {
      func take(_ descriptor: consuming Descriptor) -> Int32 { descriptor.release() }
      let event = try Events.eventfd()
      let raw = take(event)
      #expect(isOpen(raw))
      close(raw)
    }

    @Test("a duplicate is another descriptor of the same file, closed on exec, never a standard one")
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

    @Test("a pipe's ends are closed on exec, and its reader finds the end when the last writer goes")
    func pipeEnds() throws {
      let ends = try OpenPipe.make()
      #expect(closesOnExec(ends.input) && closesOnExec(ends.output))
      _ = try write(ends.input, [1, 2])
      var copy: Descriptor? = try ends.writing!.duplicate()
      ends.writing = nil
      #expect(try read(ends.output, 8) == [1, 2])
      // The copy still holds it open.
      #expect(throws: SystemError(EAGAIN, .preadv2)) { _ = try read(ends.output, 8, wait: false) }
      let copied = copy != nil
      copy = nil
      #expect(copied)
      #expect(try read(ends.output, 8) == [])
    }

    @Test("non-blocking mode is set and taken back, and shared with duplicates but not with a reopened one")
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

    @Test("a pipe's capacity is asked and set; a full one would block after exactly that much")
    func capacity() throws {
      let ends = try PipeEnds.pipe2()
      try Streams.fcntl(ends.writing, pipeSize: 8192)
      #expect(try Streams.fcntl(pipeSize: ends.reading) == 8192)
      let block = [UInt8](repeating: 1, count: 4096)
      var written = 0
      for _ in 0..<2 { written += try write(ends.writing.raw, block, wait: false) }
      #expect(written == 8192)
      #expect(throws: SystemError(EAGAIN, .pwritev2)) { _ = try write(ends.writing.raw, [1], wait: false) }
    }

    @Test("writing without a reader is an error, not a signal")
    func brokenPipe() throws {
      Streams.ignoreSIGPIPE
      let ends = try OpenPipe.make()
      ends.reading = nil
      #expect(throws: SystemError(EPIPE, .writev)) { _ = try write(ends.input, [1]) }
    }

    @Test("an empty pipe gives nothing without waiting, and an empty read at its end")
    func emptyPipe() throws {
      let ends = try OpenPipe.make()
      #expect(throws: SystemError(EAGAIN, .preadv2)) { _ = try read(ends.output, 8, wait: false) }
      ends.writing = nil
      #expect(try read(ends.output, 8) == [])
      #expect(try read(ends.output, 8, wait: false) == [])
    }
  }
}
