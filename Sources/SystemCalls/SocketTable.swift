import Glibc

/// The kernel's table of TCP sockets, asked about a single one: sock_diag(7), over netlink(7).
///
/// The same table is in /proc/net/tcp, as text of all there are: with tens of thousands of connections, most of them ones
/// that wind down, it takes tens of milliseconds to read, and isn't of one moment.
enum SocketTable {
  // <linux/netlink.h>, <linux/sock_diag.h>, <linux/inet_diag.h>: what Swift doesn't import.
  private static let netlink: Int32 = 16
  private static let socketDiagnosis: Int32 = 4
  private static let byFamily: UInt16 = 20
  private static let error: UInt16 = 2
  private static let headerBytes = 16
  private static let requestBytes = 56
  private static let answerBytes = 72
  /// Where in the answer, behind the header, these stand.
  private static let peerPortOffset = 6, userOffset = 64, inodeOffset = 68

  /// The owner of the socket with these addresses, its own and its peer's.
  /// - Throws: where the kernel doesn't answer such questions, or not this process's.
  static func owner(local: Internet.Address, remote: Internet.Address) throws(SystemError)
    -> Internet.PeerOwner
  {
    let socket = Descriptor(
      owning: try system(.socket) {
        Glibc.socket(netlink, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), socketDiagnosis)
      })
    let question = question(local, remote)
    try system(.sendmsg) { unsafe Glibc.send(socket.raw, question, question.count, 0) }
    // It is answered before send(2) returns.
    var answer = [UInt8](repeating: 0, count: 4096)
    let count = try system(.recvmsg) {
      unsafe Glibc.recv(socket.raw, &answer, answer.count, Int32(MSG_DONTWAIT))
    }
    return try read(answer[..<count], remote)
  }

  private static func question(_ local: Internet.Address, _ remote: Internet.Address) -> [UInt8] {
    var bytes: [UInt8] = []
    func append(_ number: some FixedWidthInteger) {
      unsafe withUnsafeBytes(of: number) { unsafe bytes.append(contentsOf: $0) }
    }
    append(UInt32(headerBytes + requestBytes))
    append(byFamily)
    append(UInt16(1))  // NLM_F_REQUEST
    append(UInt32(1))
    append(UInt32(0))
    bytes += [UInt8(truncatingIfNeeded: local.family), UInt8(IPPROTO_TCP), 0, 0]
    append(UInt32.max)  // in whichever state
    append(UInt16(truncatingIfNeeded: local.port).bigEndian)
    append(UInt16(truncatingIfNeeded: remote.port).bigEndian)
    for address in [local, remote] {
      let host = address.host
      bytes += host
      bytes += [UInt8](repeating: 0, count: 16 - host.count)
    }
    append(UInt32(0))
    append(UInt64.max)  // no cookie
    return bytes
  }

  private static func read(_ bytes: ArraySlice<UInt8>, _ remote: Internet.Address) throws(SystemError)
    -> Internet.PeerOwner
  {
    func number(_ offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) }
    }
    guard bytes.count >= headerBytes + 4 else { throw SystemError(EBADMSG, .recvmsg) }
    let kind = UInt16(bytes[4]) | UInt16(bytes[5]) << 8
    if kind == error {
      let found = -Int32(bitPattern: number(headerBytes))
      if found == ENOENT { return .elsewhere }
      throw SystemError(found, .recvmsg)
    }
    guard kind == byFamily, bytes.count >= headerBytes + answerBytes else {
      throw SystemError(EBADMSG, .recvmsg)
    }
    // Where there is no such connection the kernel answers with who listens at the first address, and has no peer.
    let peer = Int(bytes[headerBytes + peerPortOffset]) << 8 | Int(bytes[headerBytes + peerPortOffset + 1])
    guard peer == remote.port else { return .elsewhere }
    // Without an inode no process has it, and the user that stands there is nobody's.
    return number(headerBytes + inodeOffset) == 0 ? .nobody : .user(number(headerBytes + userOffset))
  }
}
