import Glibc
import Testing

@testable import SystemCalls

extension AllSystemCallsTests {
  @Suite struct SocketsTests {
    private func send(
      _ socket: Int32, _ head: [UInt8], _ body: [UInt8] = [], wait: Bool = true
    ) throws(SystemError) -> Int {
      unsafe try head.span.withUnsafeBytes { head throws(SystemError) in
        unsafe try body.span.withUnsafeBytes { body throws(SystemError) in
          unsafe try Sockets.sendmsg(socket, head, body, wait: wait)
        }
      }
    }

    private func receive(
      _ socket: Int32, _ capacity: Int = 64, wait: Bool = true
    ) throws(SystemError) -> (bytes: [UInt8], truncated: Bool) {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
      defer { unsafe memory.deallocate() }
      var truncated = false
      let count = unsafe try Sockets.recvmsg(socket, into: memory, wait: wait, truncated: &truncated)
      return unsafe (Array(memory[..<count]), truncated)
    }

    @Test("packets keep their boundaries; a packet larger than the buffer is reported as truncated")
    func packets() throws {
      let ends = try Sockets.socketpair(.packet)
      #expect(closesOnExec(ends.one.raw) && closesOnExec(ends.other.raw))
      #expect(try send(ends.one.raw, [1, 2], [3]) == 3)
      #expect(try send(ends.one.raw, [], [4]) == 1)
      #expect(try send(ends.one.raw, [UInt8](0..<100)) == 100)
      #expect(try receive(ends.other.raw).bytes == [1, 2, 3])
      #expect(try receive(ends.other.raw).bytes == [4])
      let large = try receive(ends.other.raw, 64)
      #expect(large.truncated)
      #expect(throws: SystemError(EAGAIN, .recvmsg)) { _ = try receive(ends.other.raw, wait: false) }
    }

    @Test("a stream joins what was sent, and ends when the peer closes")
    func streams() throws {
      let ends = try Sockets.socketpair(.stream)
      _ = try send(ends.one.raw, [1], [2])
      _ = try send(ends.one.raw, [3])
      Sockets.shutdown(writing: ends.one.raw)
      let found = try receive(ends.other.raw)
      #expect(found.bytes == [1, 2, 3] && !found.truncated)
      #expect(try receive(ends.other.raw).bytes == [])
      #expect(throws: SystemError(EPIPE, .sendmsg)) { _ = try send(ends.one.raw, [4]) }
    }

    #if DEBUG
      @Test("short sends and receives are cut where a plan says so, in order", arguments: 1...5)
      func shortCounts(most: Int) throws {
        let ends = try Sockets.socketpair(.stream)
        let (one, other) = (ends.one.raw, ends.other.raw)
        let plans = [
          Faults.Plan(.sendmsg, at: 1, .short(most)), Faults.Plan(.sendmsg, at: 1, .errno(EINTR)),
          Faults.Plan(.recvmsg, at: 1, .short(1)),
        ]
        var parts: [[UInt8]] = []
        let fired = try Faults.with(plans) { () throws(SystemError) in
          #expect(try send(one, [1, 2, 3], [4, 5, 6]) == most)
          parts.append(try receive(other).bytes)
          if most > 1 { parts.append(try receive(other).bytes) }
        }
        #expect(fired == [true, true, true])
        #expect(parts.first?.count == 1)
        #expect(parts.flatMap { $0 } == Array([1, 2, 3, 4, 5, 6][..<most]))
      }
    #endif

    @Test("a descriptor sent over a socket works at the other end")
    func descriptors() throws {
      let ends = try Sockets.socketpair(.stream)
      let pipe = try PipeEnds.pipe2()
      try Sockets.sendmsg(descriptor: pipe.writing, over: ends.one)
      let arrived = try Sockets.recvmsgDescriptor(over: ends.other)!
      #expect(arrived.raw != pipe.writing.raw)
      #expect(closesOnExec(arrived.raw))
      _ = try write(arrived.raw, [8])
      #expect(try read(pipe.reading.raw, 8) == [8])
    }

    @Test("a byte without a descriptor, and the end, yield no descriptor")
    func missingDescriptor() throws {
      let ends = try Sockets.socketpair(.stream)
      _ = try send(ends.one.raw, [0])
      let arrived = try Sockets.recvmsgDescriptor(over: ends.other) == nil
      #expect(arrived)
      Sockets.shutdown(writing: ends.one.raw)
      let ended = try Sockets.recvmsgDescriptor(over: ends.other) == nil
      #expect(ended)
    }

    @Test("a named socket is for this user only, knows its peer's user, and refuses without a listener")
    func named() throws {
      let scratch = try ScratchDirectory()
      let path = scratch("socket")
      let before = umask(0)
      defer { umask(before) }
      do {
        let listener = try Sockets.socket(unix: .stream)
        try Sockets.bind(listener, path: path)
        let status = try Files.stat(path)
        #expect(status.kind == .socket && status.mode == 0o600)
        try Sockets.listen(listener)
        let client = try Sockets.socket(unix: .stream)
        try Sockets.connect(client, path: path)
        let server = try Sockets.accept(listener)
        #expect(closesOnExec(server.raw))
        #expect(try Sockets.getsockopt(peerUser: client) == getuid())
        #expect(try Sockets.getsockopt(peerUser: server) == getuid())
        let second = try Sockets.socket(unix: .stream)
        #expect(throws: SystemError(EADDRINUSE, .bind)) { try Sockets.bind(second, path: path) }
        let packets = try Sockets.socket(unix: .packet)
        #expect(throws: SystemError(EPROTOTYPE, .connect)) { try Sockets.connect(packets, path: path) }
      }
      let late = try Sockets.socket(unix: .stream)
      #expect(throws: SystemError(ECONNREFUSED, .connect)) { try Sockets.connect(late, path: path) }
      #expect(throws: SystemError(ENOENT, .connect)) { try Sockets.connect(late, path: scratch("none")) }
    }

    @Test("a path that is too long for a socket is refused, not cut")
    func longPath() throws {
      let scratch = try ScratchDirectory()
      let socket = try Sockets.socket(unix: .stream)
      let path = scratch(String(repeating: "x", count: 120))
      #expect(throws: SystemError(ENAMETOOLONG, .bind)) { try Sockets.bind(socket, path: path) }
      #expect(throws: SystemError(ENAMETOOLONG, .connect)) { try Sockets.connect(socket, path: path) }
      #expect(try Files.names(in: scratch.path) == [])
    }

    @Test("options are set and read")
    func options() throws {
      let socket = try Sockets.socket(unix: .stream)
      try Sockets.setsockopt(socket, .sendBuffer, 8192)
      // The kernel doubles the value, for its own bookkeeping.
      #expect(try Sockets.getsockopt(socket, .sendBuffer) == 16384)
      #expect(throws: SystemError(ENOPROTOOPT, .setsockopt)) {
        try Sockets.setsockopt(socket, Sockets.Option(level: SOL_SOCKET, name: 9999), 1)
      }
    }
  }
}
