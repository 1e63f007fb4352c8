import Glibc

/// TCP: names resolved, connected, listened on; and who owns the other end of a loopback connection.
package enum Internet {
  /// An address and its length, as getaddrinfo(3) gave it.
  package struct Address: Sendable, Hashable {
    package let family: Int32
    package let bytes: [UInt8]

    package var isLoopback: Bool {
      let host = host
      if host.count == 4 { return host.first == 127 }
      // ::1, or IPv4's 127.0.0.0/8 as a listener for both sees it, ::ffff:127.x.y.z.
      guard host.count == 16, host.prefix(10).allSatisfy({ $0 == 0 }) else { return false }
      let rest = host.suffix(6)
      return Array(rest) == [0, 0, 0, 0, 0, 1] || rest.prefix(3).elementsEqual([0xFF, 0xFF, 127])
    }

    /// The 4 bytes of an IPv4 address, or the 16 of an IPv6 one; else none.
    var host: ArraySlice<UInt8> {
      if family == AF_INET, bytes.count >= 8 { return bytes[4..<8] }
      if family == AF_INET6, bytes.count >= 24 { return bytes[8..<24] }
      return []
    }

    package var port: Int { bytes.count >= 4 ? Int(bytes[2]) << 8 | Int(bytes[3]) : 0 }
  }

  /// getaddrinfo(3) for TCP. Blocks while it asks the resolver.
  package static func resolve(host: String, port: Int, passive: Bool) throws(SystemError) -> [Address] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let node: String? = host.isEmpty ? nil : host
    let result = unsafe getaddrinfo(node, String(port), &hints, &list)
    guard result == 0 else {
      throw SystemError(result == EAI_SYSTEM ? errno : EADDRNOTAVAIL, .getaddrinfo)
    }
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

  package static func stream(_ address: Address) throws(SystemError) -> Descriptor {
    Descriptor(
      owning: try system(.socket) {
        socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      })
  }

  package static func bind(_ socket: borrowing Descriptor, _ address: Address) throws(SystemError) {
    try system(.bind) {
      unsafe address.bytes.withUnsafeBytes { bytes in
        unsafe Glibc.bind(
          socket.raw, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
      }
    }
  }

  /// connect(2), at most so long (nil: as long as TCP tries). Throws ETIMEDOUT.
  package static func connect(
    _ socket: borrowing Descriptor, _ address: Address, nanoseconds: UInt64?
  ) throws(SystemError) {
    // In non-blocking mode, so that it can be waited for; a signal can't leave it half done either.
    try socket.setNonblocking(true)
    try beginConnecting(socket, address)
    guard try waitReady(socket.raw, write: true, nanoseconds: nanoseconds) else {
      throw SystemError(ETIMEDOUT, .connect)
    }
    try checkConnected(socket)
    try socket.setNonblocking(false)
  }

  /// Small messages go at once (TCP_NODELAY): a channel batches by itself.
  package static func setNoDelay(_ socket: borrowing Descriptor) throws(SystemError) {
    try Sockets.setOption(socket, level: Int32(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  package static func localAddress(_ socket: borrowing Descriptor) throws(SystemError) -> Address {
    unsafe try name(socket.raw, getsockname)
  }

  package static func peerAddress(_ socket: borrowing Descriptor) throws(SystemError) -> Address {
    unsafe try name(socket.raw, getpeername)
  }

  private static func name(
    _ socket: Int32, _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) throws(SystemError) -> Address {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    try system(.getsockname) {
      unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call(socket, $0, &length) }
      }
    }
    let bytes = unsafe withUnsafeBytes(of: &storage) { unsafe Array($0.prefix(Int(length))) }
    return Address(family: Int32(storage.ss_family), bytes: bytes)
  }

  /// Whose the far end of a connection is.
  package enum PeerOwner: Hashable, Sendable {
    /// This user's of this machine.
    case user(UInt32)
    /// It is on this machine, and no process has it: not yet, or not any more.
    case nobody
    /// This machine, as far as this process sees it, has no such socket.
    case elsewhere
  }

  /// Whose the far end of a connection is: sock_diag(7), or, where the kernel doesn't answer that, /proc/net/tcp and tcp6
  /// (proc(5)). It is the socket whose own address is our peer's, and whose peer's is ours.
  package static func peerOwner(_ socket: borrowing Descriptor) throws(SystemError) -> PeerOwner {
    let mine = try localAddress(socket)
    let theirs = try peerAddress(socket)
    if let found = try? SocketTable.owner(local: theirs, remote: mine) {
      if found != .elsewhere { return found }
      // Where it knows nothing of TCP at all, the kernel says the same. Of our own socket it must know.
      let own = (try? SocketTable.owner(local: mine, remote: theirs)) ?? .elsewhere
      if own != .elsewhere { return found }
    }
    return listedOwner(local: theirs.port, remote: mine.port)
  }

  /// The same, from the text of the whole table.
  static func listedOwner(local theirs: Int, remote mine: Int) -> PeerOwner {
    var found = PeerOwner.elsewhere
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
      guard let text = try? Files.readText(file) else { continue }
      for line in text.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count > 9, port(fields[1]) == theirs, port(fields[2]) == mine else { continue }
        // Without an inode no process has it, and the user that stands there is nobody's.
        if fields[9] != "0", let user = UInt32(fields[7]) { return .user(user) }
        found = .nobody
      }
    }
    return found
  }

  private static func port(_ field: Substring) -> Int? {
    field.split(separator: ":").last.flatMap { Int($0, radix: 16) }
  }

  /// A port of 127.0.0.1 that nobody has. Nobody gets it by chance: it is under those that the kernel gives to connections by
  /// itself (ip(7), ip_local_port_range), unless these begin so low that there is nothing under them.
  package static func freePort() throws(SystemError) -> Int {
    let range = try? Files.readText("/proc/sys/net/ipv4/ip_local_port_range")
    let first = min(range?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 32768, 65536)
    for _ in 0..<100 where first > 12000 {
      let address = try resolve(host: "127.0.0.1", port: .random(in: 10000..<first), passive: true)[0]
      let socket = try stream(address)
      if (try? bind(socket, address)) != nil { return address.port }
    }
    let any = try resolve(host: "127.0.0.1", port: 0, passive: true)[0]
    let socket = try stream(any)
    try bind(socket, any)
    return try localAddress(socket).port
  }
}

extension Internet {
  /// connect(2) of a socket in non-blocking mode: done, or begun. When it is writable, ``checkConnected(_:)`` says which.
  package static func beginConnecting(
    _ socket: borrowing Descriptor, _ address: Address
  ) throws(SystemError) {
    do throws(SystemError) {
      try system(.connect) {
        unsafe address.bytes.withUnsafeBytes { bytes in
          unsafe Glibc.connect(
            socket.raw, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
      }
    } catch {
      guard error.number == EINPROGRESS else { throw error }
    }
  }

  /// Throws why a connection that was begun couldn't be made. SO_ERROR of SOL_SOCKET.
  package static func checkConnected(_ socket: borrowing Descriptor) throws(SystemError) {
    let result = try Sockets.option(socket, level: 1, 4)
    if result != 0 { throw SystemError(result, .connect) }
  }
}
