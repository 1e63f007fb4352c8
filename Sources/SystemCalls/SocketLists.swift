import CSystem
import Glibc

/// Every Unix socket of this network namespace: sock_diag(7), or /proc/net/unix, which doesn't tell the peers.
package enum UnixSockets {
  package struct Entry: Sendable {
    package let inode: UInt64
    /// The path or, after an at sign, the abstract name that it is bound to; nil: none.
    package let name: String?
    /// The inode of the path's file.
    package let file: UInt64?
    /// The inode of the socket that it is connected to.
    package let peer: UInt64?
    package let listens: Bool
  }

  /// TCP_LISTEN of netinet/tcp.h, which Unix sockets have too.
  fileprivate static let listening = 10
  /// An answer has so many sockets; more answers than a machine has are a fault.
  private static let mostAnswers = 100_000

  /// - Returns: The sockets, and whether peers are known.
  package static func all() -> (sockets: [Entry], tellsPeers: Bool) {
    do throws(SystemError) {
      return (try asked(), true)
    } catch {
      return (listed(), false)
    }
  }

  private static func asked() throws(SystemError) -> [Entry] {
    let netlink = Descriptor(owning: try system(.socket) { csystem_sock_diag_socket() })
    try system(.send) { csystem_unix_diag_send(netlink.raw) }
    var sockets: [Entry] = []
    var taken = [csystem_unix_entry](repeating: csystem_unix_entry(), count: Int(CSYSTEM_UNIX_ENTRIES))
    for _ in 0..<mostAnswers {
      let count = Int(
        try system(.recv) { unsafe csystem_unix_diag_recv(netlink.raw, &taken, taken.count) })
      for entry in taken.prefix(count & ~Int(CSYSTEM_UNIX_LAST)) { sockets.append(Entry(entry)) }
      if count & Int(CSYSTEM_UNIX_LAST) != 0 { break }
    }
    return sockets
  }

  /// `Num RefCount Protocol Flags Type St Inode Path`; the flag of a listening socket is SO_ACCEPTCON, 0x10000.
  private static func listed() -> [Entry] {
    let lines = ((try? Files.readText("/proc/net/unix")) ?? "").split(separator: "\n").dropFirst()
    return lines.compactMap { line in
      let words = line.split(separator: " ", maxSplits: 7, omittingEmptySubsequences: true)
      guard words.count > 6, let inode = UInt64(words[6]), let flags = UInt32(words[3], radix: 16) else {
        return nil
      }
      return Entry(
        inode: inode, name: words.count > 7 ? String(words[7]) : nil, file: nil, peer: nil,
        listens: flags & 0x10000 != 0)
    }
  }
}

extension UnixSockets.Entry {
  fileprivate init(_ entry: csystem_unix_entry) {
    let bytes = unsafe withUnsafeBytes(of: entry.name) { unsafe Array($0) }
    let isAbstract = bytes[0] == 0 && bytes[1] != 0
    let name = String(decoding: bytes.dropFirst(isAbstract ? 1 : 0).prefix { $0 != 0 }, as: UTF8.self)
    self.init(
      inode: UInt64(entry.inode), name: name.isEmpty ? nil : (isAbstract ? "@" : "") + name,
      file: entry.file == 0 ? nil : UInt64(entry.file), peer: entry.peer == 0 ? nil : UInt64(entry.peer),
      listens: entry.state == UnixSockets.listening)
  }
}

/// Every TCP socket of this network namespace: /proc/net/tcp and tcp6 (proc_pid_net(5)).
package enum TCPSockets {
  package struct Place: Hashable, Sendable {
    /// 4 or 16 bytes; IPv4 within IPv6 (`::ffff:127.0.0.1`) as 4.
    package let host: [UInt8]
    package let port: Int

    package var isAnyHost: Bool { host.allSatisfy { $0 == 0 } }

    package init(host: [UInt8], port: Int) {
      let isMapped =
        host.count == 16 && host.prefix(10).allSatisfy { $0 == 0 } && host[10] == 0xFF && host[11] == 0xFF
      self.host = isMapped ? Array(host.suffix(4)) : host
      self.port = port
    }

    /// `127.0.0.1:7000`, `[::1]:7000`.
    package var text: String {
      if host.count == 4 { return host.map(String.init).joined(separator: ".") + ":\(port)" }
      var bytes = host
      var buffer = [CChar](repeating: 0, count: 64)
      guard unsafe inet_ntop(AF_INET6, &bytes, &buffer, socklen_t(buffer.count)) != nil else {
        return "?:\(port)"
      }
      return "[" + String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        + "]:\(port)"
    }
  }

  package struct Entry: Sendable {
    package let local: Place
    package let remote: Place
    /// 0: no process has it any more.
    package let inode: UInt64
    package let listens: Bool
  }

  package static func all() -> [Entry] {
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
      ((try? Files.readText(path)) ?? "").split(separator: "\n").dropFirst().compactMap(entry)
    }
  }

  /// The addresses that a host's name stands for: getaddrinfo(3).
  package static func places(host: String, port: Int) throws(SystemError) -> [Place] {
    try Internet.getaddrinfo(host: host, port: port, passive: true).map {
      Place(host: Array($0.host), port: $0.port)
    }
  }

  private static func entry(_ line: Substring) -> Entry? {
    let words = line.split(separator: " ")
    guard words.count > 9, let local = place(words[1]), let remote = place(words[2]),
      let inode = UInt64(words[9])
    else { return nil }
    return Entry(local: local, remote: remote, inode: inode, listens: words[3] == "0A")
  }

  /// `0100007F:1B58`: words of four bytes as the machine has them in memory, each in hexadecimal.
  private static func place(_ text: Substring) -> Place? {
    let halves = text.split(separator: ":")
    guard halves.count == 2, let port = Int(halves[1], radix: 16), halves[0].count % 8 == 0 else {
      return nil
    }
    var host: [UInt8] = []
    var rest = halves[0]
    while !rest.isEmpty {
      guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
      unsafe withUnsafeBytes(of: word) { unsafe host.append(contentsOf: $0) }
      rest = rest.dropFirst(8)
    }
    return Place(host: host, port: port)
  }
}
