import IPC

/// A TCP socket (tcp(7)): the other process can be on another machine.
///
/// What TCP adds, and what it costs: it carries a stream of bytes, which the network may split anywhere. Each message has
/// a header with its length, and many small messages can share a packet.
enum TCPDemo: Demo {
  static let name = "tcp"
  static let summary = "a stream that crosses machines, and what batching small messages saves"

  private static let count = 50_000

  static func run() throws {
    // Below the ports that the kernel assigns by itself (ip_local_port_range, ip(7)).
    let address = "tcp:127.0.0.1:\(Int.random(in: 20000..<32768))"
    var receiver = try ByteReceiver(at: address)
    say("server", "listens on \(address); from this machine it lets in this user's processes alone")
    var spawn = Spawn(arguments: arguments(address))
    spawn.inheritsOutput = true
    var child = try spawn.start()

    say("server", "got \"\(try receiver.receive(String.self))\"")
    let clock = ContinuousClock()
    for how in ["one by one", "in batches"] {
      let took = try clock.measure {
        for number in 0..<count {
          let got = try receiver.receive(Int.self)
          if got != number { say("server", "got \(got) instead of \(number)") }
        }
      }
      say("server", "got \(count) numbers in order, sent \(how), in \(took)")
    }
    say("server", "the client ended with \(try child.wait())")
    do {
      _ = try receiver.receive(Int.self)
    } catch {
      say("server", error.message)
    }
  }

  static func other(_ address: String) throws {
    var sender = try ByteSender(to: address, within: .seconds(10))
    say("  client", "connected; sends a line, then \(count) numbers one by one, then \(count) in batches")
    try sender.send("hello over the network")
    for number in 0..<count { try sender.send(number) }
    sender.coalesces = true  // One call sends up to 64 KiB of them.
    for number in 0..<count { try sender.send(number) }
    try sender.flush()
    try sender.close()
  }
}
