import CSystem
import Glibc

/// Sockets: created, connected, read and written. All are closed on exec; none raises SIGPIPE.
package enum Sockets {
  package enum Kind: Sendable { case stream, packet }

  /// An option of a socket whose value is an int: socket(7), tcp(7).
  package struct Option: Sendable {
    let level: Int32
    let name: Int32

    /// SO_SNDBUF.
    package static let sendBuffer = Option(level: SOL_SOCKET, name: SO_SNDBUF)
    /// SO_REUSEADDR.
    package static let reuseAddress = Option(level: SOL_SOCKET, name: SO_REUSEADDR)
    /// SO_ERROR: the errno of a connection that failed meanwhile; reading it clears it.
    static let pendingError = Option(level: SOL_SOCKET, name: SO_ERROR)
    /// TCP_NODELAY: small messages go at once; a channel batches by itself.
    package static let noDelay = Option(level: Int32(IPPROTO_TCP), name: TCP_NODELAY)
    /// TCP_QUICKACK: what was received is acknowledged now, and not with the next message of this side.
    package static let quickAck = Option(level: Int32(IPPROTO_TCP), name: TCP_QUICKACK)
  }

  private static func type(_ kind: Kind) -> Int32 {
    Int32(kind == .stream ? SOCK_STREAM.rawValue : SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
  }

  /// socketpair(2) of Unix sockets.
  package static func socketpair(_ kind: Kind) throws(SystemError) -> SocketEnds {
    let pair = unsafe try makingPair(.socketpair) { unsafe Glibc.socketpair(AF_UNIX, type(kind), 0, $0) }
    return SocketEnds(one: Descriptor(owning: pair.0), other: Descriptor(owning: pair.1))
  }

  /// socket(2) of the Unix family.
  ///
  /// - Parameter nonblocking: Whether its calls don't wait, of which connect(2) is one: for a place in the listener's queue.
  package static func socket(unix kind: Kind, nonblocking: Bool = false) throws(SystemError) -> Descriptor {
    try making(.socket) {
      Glibc.socket(AF_UNIX, type(kind) | (nonblocking ? Int32(SOCK_NONBLOCK.rawValue) : 0), 0)
    }
  }

  /// Throws unless a socket is bound to a path: ECONNREFUSED when only the file is left, ENOENT when there is none.
  ///
  /// connect(2) of a datagram socket, a type that no listener here has: the listener isn't disturbed.
  package static func probe(path: String) throws(SystemError) {
    let socket = try making(.socket) {
      Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }
    do throws(SystemError) {
      try connect(socket, path: path)
    } catch {
      if error.number != EPROTOTYPE { throw error }
    }
  }

  /// The longest path of a socket, in bytes: `sun_path` of unix(7) without the zero byte at its end.
  package static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// bind(2) to a path. The file gets mode 0600, whatever umask(2) says: Linux gives it the mode of the socket's own inode,
  /// which fchmod(2) sets first.
  package static func bind(_ socket: borrowing Descriptor, path: String) throws(SystemError) {
    try system(.fchmod, .descriptor(socket.raw)) { fchmod(socket.raw, 0o600) }
    try system(.bind, .descriptor(socket.raw)) { unsafe csystem_unix_bind(socket.raw, path) }
    Files.restoreMode(of: path)
  }

  /// connect(2) to a path.
  package static func connect(_ socket: borrowing Descriptor, path: String) throws(SystemError) {
    try system(.connect, .descriptor(socket.raw, waits: true)) {
      unsafe csystem_unix_connect(socket.raw, path)
    }
  }

  /// Larger than any net.core.somaxconn, so that this decides how many connections wait: one that finds no place tries
  /// again only a second later.
  private static let backlog: Int32 = 65535

  /// listen(2), with as many waiting connections as net.core.somaxconn allows.
  package static func listen(_ socket: borrowing Descriptor) throws(SystemError) {
    try system(.listen, .descriptor(socket.raw)) { Glibc.listen(socket.raw, backlog) }
  }

  /// accept4(2).
  package static func accept(_ socket: borrowing Descriptor) throws(SystemError) -> Descriptor {
    try making(.accept4, .descriptor(socket.raw, waits: true)) { csystem_accept4(socket.raw) }
  }

  /// getsockopt(2) with SO_PEERCRED: the user of the process that connected a Unix socket's other end.
  package static func getsockopt(peerUser socket: borrowing Descriptor) throws(SystemError) -> UInt32 {
    var user: uid_t = 0
    try system(.getsockopt, .descriptor(socket.raw)) { unsafe csystem_peer_user(socket.raw, &user) }
    return user
  }

  /// setsockopt(2).
  package static func setsockopt(
    _ socket: borrowing Descriptor, _ option: Option, _ value: Int32
  ) throws(SystemError) {
    var value = value
    try system(.setsockopt, .descriptor(socket.raw)) {
      unsafe Glibc.setsockopt(
        socket.raw, option.level, option.name, &value, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// getsockopt(2).
  package static func getsockopt(
    _ socket: borrowing Descriptor, _ option: Option
  ) throws(SystemError) -> Int32 {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    try system(.getsockopt, .descriptor(socket.raw)) {
      unsafe Glibc.getsockopt(socket.raw, option.level, option.name, &value, &length)
    }
    return value
  }

  /// recvmsg(2), with MSG_DONTWAIT unless `wait`.
  ///
  /// - Parameters:
  ///   - tries: How often an empty socket is read before EAGAIN is thrown.
  ///   - truncated: Set to whether a packet was larger than the buffer (MSG_TRUNC); the rest of it is lost.
  /// - Returns: How many bytes were received. 0 is the end of a stream.
  package static func recvmsg(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer, wait: Bool, tries: Int = 1,
    truncated: inout Bool
  ) throws(SystemError) -> Int {
    let count = Faults.count(for: .recvmsg, buffer.count)
    return try system(.recvmsg, .descriptor(socket, bytes: count, waits: wait), tries: tries) {
      unsafe csystem_recvmsg(socket, buffer.baseAddress, count, wait, &truncated)
    }
  }

  /// sendmsg(2) of both pieces with MSG_NOSIGNAL, and MSG_DONTWAIT unless `wait`.
  ///
  /// - Returns: How many bytes were sent.
  package static func sendmsg(
    _ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, wait: Bool
  ) throws(SystemError) -> Int {
    let total = Faults.count(for: .sendmsg, first.count + second.count)
    let firstCount = min(first.count, total)
    return try system(.sendmsg, .descriptor(socket, bytes: total, waits: wait)) {
      unsafe csystem_sendmsg(
        socket, first.baseAddress, firstCount, second.baseAddress, total - firstCount, wait)
    }
  }

  /// sendmsg(2) of a descriptor over a Unix socket (SCM_RIGHTS), with one byte.
  package static func sendmsg(
    descriptor: borrowing Descriptor, over socket: borrowing Descriptor
  ) throws(SystemError) {
    try sendmsg(raw: descriptor.raw, over: socket)
  }

  /// The same, of a descriptor whose owner isn't at hand.
  package static func sendmsg(raw descriptor: Int32, over socket: borrowing Descriptor) throws(SystemError) {
    try system(.sendmsg, .descriptor(socket.raw, bytes: 1, waits: true)) {
      csystem_sendmsg_descriptor(socket.raw, descriptor)
    }
  }

  /// recvmsg(2) of the descriptor that ``sendmsg(descriptor:over:)`` sent (SCM_RIGHTS).
  ///
  /// - Returns: Nil at the end of the stream, and for a byte that came without a descriptor.
  package static func recvmsgDescriptor(over socket: borrowing Descriptor) throws(SystemError) -> Descriptor?
  {
    var descriptor: Int32 = -1
    try system(.recvmsg, .descriptor(socket.raw, bytes: 1, waits: true)) {
      unsafe csystem_recvmsg_descriptor(socket.raw, &descriptor)
    }
    return descriptor < 0 ? nil : try Descriptor(owning: descriptor).aboveStandardStreams()
  }

  /// shutdown(2) with SHUT_WR: the peer reads the end.
  package static func shutdown(writing socket: Int32) {
    observed(.shutdown, .descriptor(socket)) { Glibc.shutdown(socket, Int32(SHUT_WR)) }
  }

  /// shutdown(2) with SHUT_RD; of a listener: ends an accept(2) that waits.
  package static func shutdown(reading socket: Int32) {
    observed(.shutdown, .descriptor(socket)) { Glibc.shutdown(socket, Int32(SHUT_RD)) }
  }
}

/// The two descriptors of a socketpair(2).
package struct SocketEnds: ~Copyable {
  package let one: Descriptor
  package let other: Descriptor

  init(one: consuming Descriptor, other: consuming Descriptor) {
    self.one = one
    self.other = other
  }

  /// Takes the pair apart.
  package consuming func take<Result: ~Copyable>(
    _ body: (consuming Descriptor, consuming Descriptor) -> Result
  ) -> Result {
    body(one, other)
  }
}
