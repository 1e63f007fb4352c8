import CSystem
import Glibc

/// Sockets: made, connected, read and written. All are closed on exec; none raises SIGPIPE.
package enum Sockets {
  package enum Kind: Sendable { case stream, packet }

  private static func type(_ kind: Kind) -> Int32 {
    Int32(kind == .stream ? SOCK_STREAM.rawValue : SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
  }

  /// socketpair(2) of Unix sockets.
  package static func pair(_ kind: Kind) throws(SystemError) -> SocketEnds {
    var pair: (Int32, Int32) = (-1, -1)
    try system(.socketpair) {
      unsafe withUnsafeMutableBytes(of: &pair) { bytes in
        unsafe socketpair(AF_UNIX, type(kind), 0, bytes.baseAddress!.assumingMemoryBound(to: Int32.self))
      }
    }
    return SocketEnds(one: Descriptor(owning: pair.0), other: Descriptor(owning: pair.1))
  }

  /// Whether a socket is bound to a path: asked with a type that nobody here listens with, so that whoever does
  /// isn't disturbed. Throws ECONNREFUSED when the file is all that is left, ENOENT when there is none.
  package static func probe(path: String) throws(SystemError) {
    let socket = Descriptor(
      owning: try system(.socket) {
        Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      })
    do throws(SystemError) {
      try connect(socket, path: path)
    } catch {
      if error.number != EPROTOTYPE { throw error }
    }
  }

  package static func unix(_ kind: Kind) throws(SystemError) -> Descriptor {
    Descriptor(owning: try system(.socket) { socket(AF_UNIX, type(kind), 0) })
  }

  /// bind(2) to a path. The file gets mode 0600: Linux makes it with the mode of the socket's own inode.
  package static func bind(_ socket: borrowing Descriptor, path: String) throws(SystemError) {
    try system(.bind) { fchmod(socket.raw, 0o600) }
    try system(.bind) { unsafe csystem_unix_bind(socket.raw, path) }
  }

  package static func connect(_ socket: borrowing Descriptor, path: String) throws(SystemError) {
    try system(.connect) { unsafe csystem_unix_connect(socket.raw, path) }
  }

  package static func listen(_ socket: borrowing Descriptor) throws(SystemError) {
    // As many as net.core.somaxconn lets wait: who finds no place asks again only a second later.
    try system(.listen) { Glibc.listen(socket.raw, 65535) }
  }

  package static func accept(_ socket: borrowing Descriptor) throws(SystemError) -> Descriptor {
    Descriptor(owning: try system(.accept) { csystem_accept(socket.raw) })
  }

  /// SO_PEERCRED: the user of the process at the other end of a Unix socket.
  package static func peerUser(_ socket: borrowing Descriptor) throws(SystemError) -> UInt32 {
    var user: uid_t = 0
    var process: pid_t = 0
    try system(.getsockopt) { unsafe csystem_peer_user(socket.raw, &user, &process) }
    return user
  }

  package static func setOption(
    _ socket: borrowing Descriptor, level: Int32, _ option: Int32, _ value: Int32
  ) throws(SystemError) {
    var value = value
    try system(.setsockopt) { unsafe setsockopt(socket.raw, level, option, &value, 4) }
  }

  package static func option(
    _ socket: borrowing Descriptor, level: Int32, _ option: Int32
  ) throws(SystemError) -> Int32 {
    var value: Int32 = 0
    var length: socklen_t = 4
    try system(.getsockopt) { unsafe getsockopt(socket.raw, level, option, &value, &length) }
    return value
  }

  /// recvmsg(2). 0 is the end of a stream; `truncated` tells that a packet was larger than the buffer.
  package static func receive(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer, wait: Bool, tries: Int = 1,
    truncated: inout Bool
  ) throws(SystemError) -> Int {
    let count = Faults.count(for: .recvmsg, buffer.count)
    return try system(.recvmsg, tries: tries) {
      unsafe csystem_socket_receive(socket, buffer.baseAddress, count, wait, &truncated)
    }
  }

  /// sendmsg(2) of both pieces, without SIGPIPE.
  package static func send(
    _ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, wait: Bool
  ) throws(SystemError) -> Int {
    let total = Faults.count(for: .sendmsg, first.count + second.count)
    let firstCount = min(first.count, total)
    let secondCount = total - firstCount
    return try system(.sendmsg) {
      unsafe csystem_socket_send(socket, first.baseAddress, firstCount, second.baseAddress, secondCount, wait)
    }
  }

  /// Sends a descriptor over a Unix socket (SCM_RIGHTS), with one byte.
  package static func send(
    descriptor: borrowing Descriptor, over socket: borrowing Descriptor
  ) throws(SystemError) {
    try system(.sendmsg) { csystem_send_descriptor(socket.raw, descriptor.raw) }
  }

  /// The same, of a descriptor that somebody else owns.
  package static func send(raw descriptor: Int32, over socket: borrowing Descriptor) throws(SystemError) {
    try system(.sendmsg) { csystem_send_descriptor(socket.raw, descriptor) }
  }

  package static func receiveDescriptor(over socket: borrowing Descriptor) throws(SystemError) -> Descriptor {
    Descriptor(owning: try system(.recvmsg) { csystem_receive_descriptor(socket.raw) })
  }

  package static func shutdownWriting(_ socket: Int32) { _ = shutdown(socket, Int32(SHUT_WR)) }
  package static func shutdownReading(_ socket: Int32) { _ = shutdown(socket, Int32(SHUT_RD)) }
}

package struct SocketEnds: ~Copyable {
  package let one: Descriptor
  package let other: Descriptor

  package init(one: consuming Descriptor, other: consuming Descriptor) {
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
