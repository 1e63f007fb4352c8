import CSystem
import Glibc

/// The kernel's table of TCP sockets, asked about one connection: sock_diag(7), over netlink(7).
///
/// /proc/net/tcp shows the whole table as text: with tens of thousands of connections, most of them closing, it takes tens of
/// milliseconds to read, and isn't of one moment.
enum SocketTable {
  /// The owner of the socket with these addresses, its own and its peer's.
  ///
  /// - Returns: Nil when the kernel doesn't answer such questions, or not this process's.
  static func owner(
    local: Internet.Address, remote: Internet.Address
  ) throws(SystemError) -> Internet.PeerOwner? {
    guard local.family == AF_INET || local.family == AF_INET6, local.host.count == remote.host.count else {
      return nil
    }
    let netlink = try making(.socket) { csystem_sock_diag_socket() }
    let (mine, theirs) = (Array(local.host), Array(remote.host))
    try system(.send) {
      unsafe csystem_sock_diag_send(
        netlink.raw, local.family, mine, UInt16(local.port), theirs, UInt16(remote.port))
    }
    var entry = csystem_tcp_entry()
    try system(.recv) { unsafe csystem_sock_diag_recv(netlink.raw, &entry) }
    if entry.refusal == ENOENT { return .elsewhere }
    guard entry.refusal == 0 else { return nil }
    // Where there is no such connection the kernel answers with the listener at the first address, which has no peer.
    guard entry.peer_port == remote.port else { return .elsewhere }
    // Without an inode no process has the socket, and the user in the entry means nothing.
    return entry.inode == 0 ? .noProcess : .user(entry.user)
  }
}
