import Glibc

/// TCP: host names, addresses and connections; and the user at the other end of a connection on this machine.
package enum Internet {
  /// An address and its length, as getaddrinfo(3) gave it.
  package struct Address: Sendable, Hashable {
    let family: Int32
    let bytes: [UInt8]

    package var isLoopback: Bool {
      let host = host
      if host.count == 4 { return host.first == 127 }
      // ::1, or IPv4's 127.0.0.0/8 as a listener for both sees it, ::ffff:127.x.y.z.
      guard host.count == 16, host.prefix(10).allSatisfy({ $0 == 0 }) else { return false }
      let rest = host.suffix(6)
      return Array(rest) == [0, 0, 0, 0, 0, 1] || rest.prefix(3).elementsEqual([0xFF, 0xFF, 127])
    }

    init(family: Int32, bytes: [UInt8]) {
      self.family = family
      self.bytes = bytes
    }

    init(_ storage: sockaddr_storage, _ length: socklen_t) {
      family = Int32(storage.ss_family)
      bytes = unsafe withUnsafeBytes(of: storage) { unsafe Array($0.prefix(Int(length))) }
    }

    /// The 4 bytes of an IPv4 address, or the 16 of an IPv6 one; else none.
    var host: ArraySlice<UInt8> {
      if family == AF_INET, bytes.count >= 8 { return bytes[4..<8] }
      if family == AF_INET6, bytes.count >= 24 { return bytes[8..<24] }
      return []
    }

    /// "127.0.0.1:80", "[::1]:80".
    var text: String {
      let host = host
      if host.count == 4 { return host.map(String.init).joined(separator: ".") + ":\(port)" }
      let groups = stride(from: host.startIndex, to: host.endIndex, by: 2).map {
        String(Int(host[$0]) << 8 | Int(host[$0 + 1]), radix: 16)
      }
      return "[\(groups.joined(separator: ":"))]:\(port)"
    }

    package var port: Int { bytes.count >= 4 ? Int(bytes[2]) << 8 | Int(bytes[3]) : 0 }
  }

  /// getaddrinfo(3) for TCP. Blocks while it asks the resolver.
  ///
  /// - Returns: None when the resolver knows no such host.
  package static func getaddrinfo(host: String, port: Int, passive: Bool) throws(SystemError) -> [Address] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let node: String? = host.isEmpty ? nil : host
    let result = unsafe Glibc.getaddrinfo(node, String(port), &hints, &list)
    if result == EAI_SYSTEM { throw SystemError(errno, .getaddrinfo) }
    guard result == 0 else { return [] }
    defer { unsafe freeaddrinfo(list) }
    var found: [Address] = []
    var next = unsafe list
    while let entry = unsafe next {
      let bytes = unsafe UnsafeRawBufferPointer(
        start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
      unsafe found.append(Address(family: entry.pointee.ai_family, bytes: Array(bytes)))
      unsafe next = entry.pointee.ai_next
    }
    return found
  }

  /// socket(2) for TCP, closed on exec.
  package static func socket(_ address: Address) throws(SystemError) -> Descriptor {
    try making(.socket) {
      Glibc.socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }
  }

  /// bind(2).
  package static func bind(_ socket: borrowing Descriptor, _ address: Address) throws(SystemError) {
    try system(.bind, .descriptor(socket.raw)) {
      unsafe address.bytes.withUnsafeBytes { bytes in
        unsafe Glibc.bind(
          socket.raw, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
      }
    }
  }

  /// connect(2), at most `nanoseconds` (nil: as long as TCP tries).
  ///
  /// - Returns: False when the time passed.
  package static func connect(
    _ socket: borrowing Descriptor, _ address: Address, nanoseconds: UInt64?
  ) throws(SystemError) -> Bool {
    // In non-blocking mode, so that ppoll(2) can wait for it; a signal can't leave it half done either.
    try socket.setNonblocking(true)
    try beginConnecting(socket, address)
    guard try ppoll(socket.raw, write: true, nanoseconds: nanoseconds) else { return false }
    try checkConnected(socket)
    try socket.setNonblocking(false)
    return true
  }

  /// getsockname(2).
  package static func getsockname(_ socket: borrowing Descriptor) throws(SystemError) -> Address {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    try system(.getsockname, .descriptor(socket.raw)) {
      unsafe withSocketAddress(&storage) { unsafe Glibc.getsockname(socket.raw, $0, &length) }
    }
    return Address(storage, length)
  }

  /// getpeername(2).
  package static func getpeername(_ socket: borrowing Descriptor) throws(SystemError) -> Address {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    try system(.getpeername, .descriptor(socket.raw)) {
      unsafe withSocketAddress(&storage) { unsafe Glibc.getpeername(socket.raw, $0, &length) }
    }
    return Address(storage, length)
  }

  private static func withSocketAddress(
    _ storage: inout sockaddr_storage, _ body: (UnsafeMutablePointer<sockaddr>) -> Int32
  ) -> Int32 {
    unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
    }
  }

  /// Which process has the far end of a connection.
  package enum PeerOwner: Hashable, Sendable {
    /// A process of this user, on this machine.
    case user(UInt32)
    /// None, on this machine: not yet, or no longer.
    case noProcess
    /// One that isn't on this machine, as far as this process can see.
    case elsewhere
  }

  /// The user of the process at the far end of a connection: sock_diag(7), or, where the kernel doesn't answer that,
  /// /proc/net/tcp and tcp6 (proc(5)). The far end is the socket whose own address is our peer's and whose peer's is ours.
  package static func peerOwner(_ socket: borrowing Descriptor) throws(SystemError) -> PeerOwner {
    let mine = try getsockname(socket)
    let theirs = try getpeername(socket)
    if let found = try? SocketTable.owner(local: theirs, remote: mine) {
      if found != .elsewhere { return found }
      // A kernel whose table has no TCP at all answers the same. Our own socket must be in the table.
      let own = (try? SocketTable.owner(local: mine, remote: theirs)) ?? .elsewhere
      if own != .elsewhere { return found }
    }
    return listedOwner(local: theirs.port, remote: mine.port)
  }

  /// The user of the process that listens at an address, in the same way.
  package static func listenerOwner(_ address: Address) -> PeerOwner {
    // A listener has no peer: its host and port are 0.
    let none = Address(family: address.family, bytes: [UInt8](repeating: 0, count: address.bytes.count))
    if let found = try? SocketTable.owner(local: address, remote: none), found != .elsewhere { return found }
    return listedOwner(local: address.port, remote: 0)
  }

  /// The same, from the text of the whole table.
  static func listedOwner(local theirs: Int, remote mine: Int) -> PeerOwner {
    var found = PeerOwner.elsewhere
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
      guard let text = try? Files.readText(file) else { continue }
      for line in text.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count > 9, port(fields[1]) == theirs, port(fields[2]) == mine else { continue }
        // Without an inode no process has the socket, and the user in the line means nothing.
        if fields[9] != "0", let user = UInt32(fields[7]) { return .user(user) }
        found = .noProcess
      }
    }
    return found
  }

  private static func port(_ field: Substring) -> Int? {
    field.split(separator: ":").last.flatMap { Int($0, radix: 16) }
  }

  /// A port of 127.0.0.1 that no socket has, below those that the kernel gives to connections by itself (ip(7),
  /// ip_local_port_range), so that none gets it by chance; unless these begin so low that nothing is below them.
  package static func freePort() throws(SystemError) -> Int {
    let range = try? Files.readText("/proc/sys/net/ipv4/ip_local_port_range")
    let first = min(range?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 32768, 65536)
    for _ in 0..<100 where first > 12000 {
      let address = try getaddrinfo(host: "127.0.0.1", port: .random(in: 10000..<first), passive: true)[0]
      let socket = try socket(address)
      if (try? bind(socket, address)) != nil { return address.port }
    }
    let any = try getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
    let socket = try socket(any)
    try bind(socket, any)
    return try getsockname(socket).port
  }
}

extension Internet {
  /// connect(2) of a socket in non-blocking mode: done, or begun. Once it is writable, ``checkConnected(_:)`` says which.
  package static func beginConnecting(
    _ socket: borrowing Descriptor, _ address: Address
  ) throws(SystemError) {
    do throws(SystemError) {
      try system(.connect, .descriptor(socket.raw)) {
        unsafe address.bytes.withUnsafeBytes { bytes in
          unsafe Glibc.connect(
            socket.raw, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
      }
    } catch {
      guard error.number == EINPROGRESS else { throw error }
    }
  }

  /// getsockopt(2) with SO_ERROR: throws why a connection that was begun failed.
  package static func checkConnected(_ socket: borrowing Descriptor) throws(SystemError) {
    let result = try Sockets.getsockopt(socket, .pendingError)
    if result != 0 { throw SystemError(result, .connect) }
  }
}
