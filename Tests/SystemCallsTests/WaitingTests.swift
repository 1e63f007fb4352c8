import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct PollTests {
    @Test("a wait lasts at least as long as it was told, and not at all when told nothing")
    func deadlines() throws {
      let ends = try PipeEnds.pipe2()
      for nanoseconds: UInt64 in [0, 1, 1_000_000, 15_000_000] {
        let start = Clock.now()
        #expect(try !ppoll(ends.reading.raw, read: true, nanoseconds: nanoseconds))
        #expect(Clock.now() - start >= nanoseconds)
        var entries = [PollEntry(ends.reading.raw, read: true)]
        let again = Clock.now()
        #expect(try ppoll(&entries, nanoseconds: nanoseconds) == 0)
        #expect(Clock.now() - again >= nanoseconds)
        #expect(!entries[0].readable && !entries[0].writable && !entries[0].hungUp)
      }
    }

    @Test("what is ready is told apart by entry")
    func readiness() throws {
      let full = try PipeEnds.pipe2()
      let empty = try PipeEnds.pipe2()
      _ = try write(full.writing.raw, [1])
      var entries = [
        PollEntry(full.reading.raw, read: true), PollEntry(empty.reading.raw, read: true),
        PollEntry(empty.writing.raw, write: true), PollEntry(full.reading.raw),
      ]
      #expect(try ppoll(&entries, nanoseconds: nil) == 2)
      #expect(entries.map(\.readable) == [true, false, false, false])
      #expect(entries.map(\.writable) == [false, false, true, false])
      #expect(!entries.contains { $0.hungUp })
    }

    @Test("a hang-up is told, asked for or not, with what is still to be read")
    func hangUps() throws {
      let ends = try OpenPipe.make()
      _ = try write(ends.input, [1])
      ends.writing = nil
      let reading = ends.output
      var entries = [PollEntry(reading, read: true), PollEntry(reading), PollEntry(1_000_000, read: true)]
      #expect(try ppoll(&entries, nanoseconds: nil) == 3)
      #expect(entries.map(\.readable) == [true, false, false])
      #expect(entries.map(\.hungUp) == [true, true, true])
      #expect(try ppoll(reading, nanoseconds: nil))
    }

    @Test("an entry of no descriptor is never ready; no entries at all are a pause")
    func noDescriptor() throws {
      var entries = [PollEntry(-1, read: true)]
      #expect(try ppoll(&entries, nanoseconds: 1000) == 0)
      var none: [PollEntry] = []
      #expect(try ppoll(&none, nanoseconds: 1000) == 0)
    }

    #if DEBUG
      @Test("a signal doesn't end a wait")
      func interrupted() throws {
        let ends = try PipeEnds.pipe2()
        let raw = ends.reading.raw
        let start = Clock.now()
        let fired = try Faults.with([Faults.Plan(.ppoll, at: 1, .errno(EINTR))]) { () throws(SystemError) in
          #expect(try !ppoll(raw, read: true, nanoseconds: 5_000_000))
        }
        #expect(fired == [true])
        #expect(Clock.now() - start >= 5_000_000)
      }
    #endif
  }

  @Suite struct EventsTests {
    @Test("a counter is taken whole, a semaphore one by one")
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

  @Suite struct EpollTests {
    @Test("events carry their tokens, as long as the level stays")
    func tokens() throws {
      let epoll = try Epoll()
      let one = try PipeEnds.pipe2()
      let other = try PipeEnds.pipe2()
      try epoll.add(one.reading.raw, .read, token: .max)
      try epoll.add(other.reading.raw, .read, token: 7)
      try epoll.add(other.writing.raw, .write, token: 8)
      #expect(try epoll.wait(milliseconds: 0).map(\.token) == [8])
      _ = try write(one.writing.raw, [1])
      for _ in 0..<2 {
        let found = try epoll.wait(milliseconds: nil).sorted { $0.token < $1.token }
        #expect(found.map(\.token) == [8, .max])
        #expect(found.map(\.found) == [.write, .read])
      }
      _ = try read(one.reading.raw, 8)
      epoll.remove(other.writing.raw)
      #expect(try epoll.wait(milliseconds: 0).isEmpty)
    }

    @Test("once is once, until it is changed")
    func once() throws {
      let epoll = try Epoll()
      let ends = try PipeEnds.pipe2()
      _ = try write(ends.writing.raw, [1])
      try epoll.add(ends.reading.raw, [.read, .once], token: 3)
      #expect(try epoll.wait(milliseconds: nil).count == 1)
      #expect(try epoll.wait(milliseconds: 0).count == 0)
      try epoll.change(ends.reading.raw, [.read, .once], token: 4)
      #expect(try epoll.wait(milliseconds: nil).map(\.token) == [4])
    }

    @Test("a hang-up comes unasked")
    func hangUp() throws {
      let epoll = try Epoll()
      let ends = try OpenPipe.make()
      try epoll.add(ends.output, [], token: 1)
      #expect(try epoll.wait(milliseconds: 0).isEmpty)
      ends.writing = nil
      let found = try epoll.wait(milliseconds: nil)
      #expect(found.count == 1 && found[0].found.contains(.hangUp))
    }

    @Test("what can't be watched is refused; more than fit at once come later")
    func limits() throws {
      let epoll = try Epoll()
      #expect(throws: SystemError(EBADF, .epollCtl)) { try epoll.add(1_000_000, .read, token: 1) }
      let ends = try PipeEnds.pipe2()
      try epoll.add(ends.reading.raw, .read, token: 1)
      #expect(throws: SystemError(EEXIST, .epollCtl)) { try epoll.add(ends.reading.raw, .read, token: 1) }
      #expect(throws: SystemError(ENOENT, .epollCtl)) { try epoll.change(ends.writing.raw, .write, token: 1) }
      _ = try write(ends.writing.raw, [1])
      var copies: [Int32] = []
      defer { for copy in copies { close(copy) } }
      for token in 0..<300 {
        copies.append(try ends.reading.duplicate().release())
        try epoll.add(copies[token], [.read, .once], token: UInt64(100 + token))
      }
      epoll.remove(ends.reading.raw)
      var seen: Set<UInt64> = []
      for _ in 0..<10 { seen.formUnion(try epoll.wait(milliseconds: 0).map(\.token)) }
      #expect(seen == Set(100..<400))
    }
  }
}
