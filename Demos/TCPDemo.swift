import Glibc
import IPC

/// A TCP socket (tcp(7)): the other process can be on another machine.
///
/// What TCP adds, and what it costs: it carries a stream of bytes, which the network may glue and split anywhere. Each
/// message of a channel has a header with its length, and many small messages can share a packet.
enum TCPDemo: Demo {
  static let name = "tcp"
  static let summary = "a stream that crosses machines: glued, split and reset, and what batching saves"

  private static let count = 50_000

  static func run() throws {
    try glueAndSplit()
    try reset()

    // Below the ports that the kernel assigns by itself (ip_local_port_range, ip(7)).
    let address = "tcp:127.0.0.1:\(Int.random(in: 20000..<32768))"
    var numbers = try Receiver<Int>(at: address)
    say("server", "listens on \(address); from this machine it lets in this user's processes alone")
    var child = try ChildProcess.spawn(arguments: arguments(address))
    let clock = ContinuousClock()
    for how in ["one by one", "in batches"] {
      let took = try clock.measure {
        for number in 0..<count {
          let got = try numbers.receive(within: .seconds(10))
          if got != number { say("server", "got \(got) instead of \(number)") }
        }
      }
      say(
        "server",
        "got \(count) numbers in order, sent \(how), in \(milliseconds(took)), \(nanoseconds(took)) each")
    }
    if try numbers.next() == nil { say("server", "the client has closed: next() returns nil") }
    say("server", "the client ended with \(try child.wait())")
  }

  static func other(_ address: String) throws {
    var numbers = try Sender<Int>(to: address, within: .seconds(10))
    say("  client", "connected; sends \(count) numbers one by one, then \(count) in batches")
    for number in 0..<count { try numbers.send(number) }
    numbers.coalesces = true  // One call sends up to 64 KiB of them.
    for number in 0..<count { try numbers.send(number) }
    try numbers.flush()
    try numbers.close()
  }

  // MARK: The sockets themselves

  private static func glueAndSplit() throws {
    let (client, server) = try connection()
    defer { for socket in [client, server] { close(socket) } }
    for text in ["one", "two", "three"] { _ = unsafe write(client, text, text.utf8.count) }
    say("server", "the client called write(2) three times: \"one\", \"two\", \"three\"")
    say("server", "recv(2) of 5 bytes, MSG_WAITALL: \"\(read(server, exactly: 5))\", glued and split")
    say(
      "server", "recv(2) of the 6 that are left: \"\(read(server, exactly: 6))\"; a stream has no boundaries")
  }

  /// SO_LINGER with a time of 0 makes close(2) send a reset instead of an end.
  private static func reset() throws {
    let (client, server) = try connection()
    defer { close(server) }
    var lingers = linger(l_onoff: 1, l_linger: 0)
    unsafe setsockopt(client, SOL_SOCKET, SO_LINGER, &lingers, socklen_t(MemoryLayout<linger>.size))
    close(client)
    var byte: UInt8 = 0
    let count = unsafe Glibc.read(server, &byte, 1)
    let isReset = count < 0 && errno == ECONNRESET
    say("server", "the client called close(2), with SO_LINGER and a time of 0: that resets the connection")
    say("server", "read(2) returns \(count): \(isReset ? "ECONNRESET (\(errorText()))" : "not a reset")")
  }

  /// With three digits: "41.7 ms".
  private static func milliseconds(_ duration: Duration) -> String {
    let milliseconds = duration / .milliseconds(1)
    if milliseconds >= 1000 { return "\((milliseconds / 10).rounded() / 100) s" }
    if milliseconds >= 100 { return "\(Int(milliseconds.rounded())) ms" }
    return "\((milliseconds * 10).rounded() / 10) ms"
  }

  private static func nanoseconds(_ duration: Duration) -> String {
    "\(Int(duration / .nanoseconds(1)) / count) ns"
  }

  /// A connection of this process with itself, over the loopback.
  private static func connection() throws -> (client: Int32, server: Int32) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let isConnected = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        // Port 0: the kernel chooses one, and getsockname(2) tells which.
        unsafe bind(listener, pointer, size) == 0 && listen(listener, 1) == 0
          && getsockname(listener, pointer, &size) == 0 && connect(client, pointer, size) == 0
      }
    }
    let server = isConnected ? accept(listener, nil, nil) : -1
    guard server >= 0 else {
      close(client)
      throw Failure()
    }
    return (client, server)
  }

  /// A connection over the loopback failed.
  private struct Failure: Error {}

  private static func read(_ socket: Int32, exactly count: Int) -> String {
    var bytes = [UInt8](repeating: 0, count: count)
    // MSG_WAITALL: the bytes may still be on their way.
    let found = unsafe recv(socket, &bytes, count, Int32(MSG_WAITALL))
    return String(decoding: bytes[..<max(0, found)], as: UTF8.self)
  }
}
