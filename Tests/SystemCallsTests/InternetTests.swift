import Glibc
import Testing

@testable import SystemCalls

extension AllSystemCallsTests {
  @Suite struct InternetTests {
    @Test("numeric addresses are resolved without a resolver")
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

    @Test("no host: loopback to connect to, every address to listen on")
    func noHost() throws {
      #expect(try Internet.getaddrinfo(host: "", port: 1, passive: false).allSatisfy(\.isLoopback))
      #expect(try Internet.getaddrinfo(host: "", port: 1, passive: true).allSatisfy { !$0.isLoopback })
      #expect(try Internet.getaddrinfo(host: "localhost", port: 1, passive: false).allSatisfy(\.isLoopback))
    }

    @Test("an invalid host has no address", arguments: ["no host", "a..b", "-", "127.0.0.1:80"])
    func unknownHosts(host: String) throws {
      #expect(try Internet.getaddrinfo(host: host, port: 80, passive: false).isEmpty)
    }

    @Test("an address of the wrong length is not loopback and has no port")
    func oddAddresses() {
      for count in 0..<8 {
        let short = Internet.Address(family: AF_INET, bytes: [UInt8](repeating: 127, count: count))
        #expect(!short.isLoopback)
        #expect(count >= 4 || short.port == 0)
      }
      #expect(!Internet.Address(family: AF_INET6, bytes: [UInt8](repeating: 0, count: 23)).isLoopback)
    }

    @Test("on a connection within this machine both know each other's address and user")
    func loopbackConnection() throws {
      let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
      let listener = try Internet.socket(any)
      try Internet.bind(listener, any)
      try Sockets.listen(listener)
      let bound = try Internet.getsockname(listener)
      #expect(bound.port > 0 && bound.isLoopback)
      let client = try Internet.socket(bound)
      #expect(try Internet.connect(client, bound, nanoseconds: nil))
      let server = try Sockets.accept(listener)
      #expect(try Internet.getpeername(client) == bound)
      #expect(try Internet.getpeername(server) == Internet.getsockname(client))
      #expect(try Internet.peerOwner(client) == .user(getuid()))
      #expect(try Internet.peerOwner(server) == .user(getuid()))
      // By sock_diag(7) and by /proc/net/tcp.
      let (mine, theirs) = (try Internet.getsockname(server), try Internet.getpeername(server))
      #expect(try SocketTable.owner(local: theirs, remote: mine) == .user(getuid()))
      #expect(try SocketTable.owner(local: mine, remote: theirs) == .user(getuid()))
      #expect(try SocketTable.owner(local: mine, remote: mine) == .elsewhere)
      // The text isn't of one moment: a line can be missing while others' connections come and go.
      let looks = (0..<50).lazy.map { _ in Internet.listedOwner(local: theirs.port, remote: mine.port) }
      #expect(looks.contains(.user(getuid())))
      #expect(Internet.listedOwner(local: mine.port, remote: mine.port) == .elsewhere)
      try Sockets.setsockopt(client, .noDelay, 1)
      #expect(try Sockets.getsockopt(client, .noDelay) == 1)
      #expect(closesOnExec(client.raw) && closesOnExec(server.raw))
    }

    @Test(
      "a closed peer belongs to no process; a listener for both versions of IP recognises an IPv4 peer",
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
        #expect(try Internet.connect(client, target, nanoseconds: nil))
        server = try Sockets.accept(listener)
        #expect(try Internet.getpeername(server).family == AF_INET6)
        #expect(try Internet.getpeername(server).isLoopback)
        #expect(try Internet.peerOwner(server) == .user(getuid()))
      }
      #expect(try Internet.peerOwner(server) == .noProcess)
      let port = try Internet.getpeername(server).port
      #expect(try Internet.listedOwner(local: port, remote: Internet.getsockname(server).port) == .noProcess)
    }

    @Test("a free port is free, and below those that the kernel gives by itself")
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

    @Test("without a listener a connection is refused; without a connection there is no peer")
    func refused() throws {
      let any = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
      // Bound but not listening, so that no other socket can have the port meanwhile.
      let bound = try Internet.socket(any)
      try Internet.bind(bound, any)
      let client = try Internet.socket(any)
      let target = try Internet.getsockname(bound)
      #expect(throws: SystemError(ECONNREFUSED, .connect)) {
        _ = try Internet.connect(client, target, nanoseconds: nil)
      }
      #expect(throws: SystemError(ENOTCONN, .getpeername)) { _ = try Internet.getpeername(bound) }
    }
  }
}
