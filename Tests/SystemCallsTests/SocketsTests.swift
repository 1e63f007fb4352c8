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

    @Test("packets keep their boundaries; one that is too large for the buffer says so")
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

    @Test("a stream joins what was sent, and ends when the other side closes")
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
      @Test("short sends and receives are cut where they are told, in order", arguments: 1...5)
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

    @Test("a descriptor goes over a socket and works at the other end")
    func descriptors() throws {
      let ends = try Sockets.socketpair(.stream)
      let pipe = try PipeEnds.pipe2()
      try Sockets.sendmsg(descriptor: pipe.writing, over: ends.one)
      let arrived = try Sockets.recvmsgDescriptor(over: ends.other)
      #expect(arrived.raw != pipe.writing.raw)
      #expect(closesOnExec(arrived.raw))
      _ = try write(arrived.raw, [8])
      #expect(try read(pipe.reading.raw, 8) == [8])
    }

    @Test("a byte without a descriptor isn't taken for one")
    func missingDescriptor() throws {
      let ends = try Sockets.socketpair(.stream)
      _ = try send(ends.one.raw, [0])
      #expect(throws: SystemError.self) { _ = try Sockets.recvmsgDescriptor(over: ends.other) }
    }

    @Test("a named socket is this user's alone, knows its peer's user, and refuses when nobody listens")
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
      // The kernel doubles it for its own book-keeping.
      #expect(try Sockets.getsockopt(socket, .sendBuffer) == 16384)
      #expect(throws: SystemError(ENOPROTOOPT, .setsockopt)) {
        try Sockets.setsockopt(socket, Sockets.Option(level: SOL_SOCKET, name: 9999), 1)
      }
    }
  }

  @Suite struct InternetTests {
    @Test("numbers are resolved without asking anybody")
    func numericHosts() throws {
      let found = try Internet.getaddrinfo(host: "127.0.0.1", port: 7000, passive: false)
      #expect(found.count == 1)
      #expect(found[0].family == AF_INET && found[0].isLoopback && found[0].port == 7000)
      let other = try Internet.getaddrinfo(host: "192.0.2.1", port: 65535, passive: false)
      #expect(other.allSatisfy { !$0.isLoopback && $0.port == 65535 })
      let six = try Internet.getaddrinfo(host: "::1", port: 80, passive: true)
      #expect(six.count == 1)
      #expect(six[0].family == AF_INET6 && six[0].isLoopback && six[0].port == 80)
      #expect(try !Internet.getaddrinfo(host: "2001:db8::1", port: 80, passive: true)[0].isLoopback)
    }

    @Test("no host: this machine's own to connect to, every address to listen on")
    func noHost() throws {
      #expect(try Internet.getaddrinfo(host: "", port: 1, passive: false).allSatisfy(\.isLoopback))
      #expect(try Internet.getaddrinfo(host: "", port: 1, passive: true).allSatisfy { !$0.isLoopback })
      #expect(try Internet.getaddrinfo(host: "localhost", port: 1, passive: false).allSatisfy(\.isLoopback))
    }

    @Test("what is no host is refused", arguments: ["no host", "a..b", "-", "127.0.0.1:80"])
    func unknownHosts(host: String) {
      #expect(throws: SystemError(EADDRNOTAVAIL, .getaddrinfo)) {
        _ = try Internet.getaddrinfo(host: host, port: 80, passive: false)
      }
    }

    @Test("an address of the wrong length is neither loopback nor of any port")
    func oddAddresses() {
      for count in 0..<8 {
        let short = Internet.Address(family: AF_INET, bytes: [UInt8](repeating: 127, count: count))
        #expect(!short.isLoopback)
        #expect(count >= 4 || short.port == 0)
      }
      #expect(!Internet.Address(family: AF_INET6, bytes: [UInt8](repeating: 0, count: 23)).isLoopback)
    }

    @Test("a connection on this machine: both know each other's address and user")
    func loopbackConnection() throws {
      let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
      let listener = try Internet.socket(any)
      try Internet.bind(listener, any)
      try Sockets.listen(listener)
      let bound = try Internet.getsockname(listener)
      #expect(bound.port > 0 && bound.isLoopback)
      let client = try Internet.socket(bound)
      try Internet.connect(client, bound, nanoseconds: nil)
      let server = try Sockets.accept(listener)
      #expect(try Internet.getpeername(client) == bound)
      #expect(try Internet.getpeername(server) == Internet.getsockname(client))
      #expect(try Internet.peerOwner(client) == .user(getuid()))
      #expect(try Internet.peerOwner(server) == .user(getuid()))
      // Whoever is asked, the kernel or its text.
      let (mine, theirs) = (try Internet.getsockname(server), try Internet.getpeername(server))
      #expect(try SocketTable.owner(local: theirs, remote: mine) == .user(getuid()))
      #expect(try SocketTable.owner(local: mine, remote: theirs) == .user(getuid()))
      #expect(try SocketTable.owner(local: mine, remote: mine) == .elsewhere)
      #expect(Internet.listedOwner(local: theirs.port, remote: mine.port) == .user(getuid()))
      #expect(Internet.listedOwner(local: mine.port, remote: mine.port) == .elsewhere)
      try Sockets.setsockopt(client, .noDelay, 1)
      #expect(try Sockets.getsockopt(client, .noDelay) == 1)
      #expect(closesOnExec(client.raw) && closesOnExec(server.raw))
    }

    @Test(
      "a peer that has closed is nobody's; a listener for both versions of IP sees an IPv4 peer as what it is",
      .enabled(if: (try? Files.readText("/proc/sys/net/ipv6/bindv6only")) == "0\n", "IPv6 takes no IPv4 here")
    )
    func loopbackAsIPv6() throws {
      let any = try Internet.getaddrinfo(host: "::", port: 0, passive: true)[0]
      let listener = try Internet.socket(any)
      try Internet.bind(listener, any)
      try Sockets.listen(listener)
      let target = try Internet.getaddrinfo(
        host: "127.0.0.1", port: Internet.getsockname(listener).port, passive: false)[0]
      let server: Descriptor
      do {
        let client = try Internet.socket(target)
        try Internet.connect(client, target, nanoseconds: nil)
        server = try Sockets.accept(listener)
        #expect(try Internet.getpeername(server).family == AF_INET6)
        #expect(try Internet.getpeername(server).isLoopback)
        #expect(try Internet.peerOwner(server) == .user(getuid()))
      }
      #expect(try Internet.peerOwner(server) == .noProcess)
      let port = try Internet.getpeername(server).port
      #expect(try Internet.listedOwner(local: port, remote: Internet.getsockname(server).port) == .noProcess)
    }

    @Test("a free port is free, and none that the kernel gives by itself")
    func freePorts() throws {
      let range = try Files.readText("/proc/sys/net/ipv4/ip_local_port_range").split { " \t\n".contains($0) }
      let first = try #require(Int(range[0]))
      for _ in 0..<20 {
        let port = try Internet.freePort()
        if first > 12000 { #expect((10000..<first).contains(port)) }
        let address = try Internet.getaddrinfo(host: "127.0.0.1", port: port, passive: true)[0]
        let socket = try Internet.socket(address)
        try Internet.bind(socket, address)
      }
    }

    @Test("nobody listens: refused; nobody connected: no peer")
    func refused() throws {
      let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
      // Bound but not listening, so that nobody else can have the port meanwhile.
      let bound = try Internet.socket(any)
      try Internet.bind(bound, any)
      let client = try Internet.socket(any)
      let target = try Internet.getsockname(bound)
      #expect(throws: SystemError(ECONNREFUSED, .connect)) {
        try Internet.connect(client, target, nanoseconds: nil)
      }
      #expect(throws: SystemError(ENOTCONN, .getpeername)) { _ = try Internet.getpeername(bound) }
    }
  }
}
