import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct EpollTests {
    @Test("events carry their tokens, and are reported as long as the descriptor is ready")
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

    @Test("a one-shot event is reported once, until it is changed")
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

    @Test("a hang-up is reported without being asked for")
    func hangUp() throws {
      let epoll = try Epoll()
      let ends = try OpenPipe.make()
      try epoll.add(ends.output, [], token: 1)
      #expect(try epoll.wait(milliseconds: 0).isEmpty)
      ends.writing = nil
      let found = try epoll.wait(milliseconds: nil)
      #expect(found.count == 1 && found[0].found.contains(.hangUp))
    }

    @Test("a descriptor that can't be watched is refused; events that don't fit one wait come with the next")
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
