import IPC

/// A TCP socket: the other process can be on another machine. Its own trait: what arrives is a stream of bytes,
/// cut wherever the network likes; each message has its length in front, and many small ones can share a packet.
enum TCPDemo: Demo {
  static let name = "tcp"
  static let summary = "a stream that crosses machines, and what gathering small messages saves"

  private static let count = 50_000

  static func run() throws {
    // Under those that the kernel gives to connections by itself (ip(7), ip_local_port_range).
    let address = "tcp:127.0.0.1:\(Int.random(in: 20000..<32768))"
    var receiver = try Receiver.open(address)
    say("server", "listens on \(address): on this machine it admits this user alone")
    var spawn = Spawn(arguments: arguments(address))
    spawn.inheritsOutput = true
    var child = try spawn.start()

    say("server", "got \"\(try receiver.receive(String.self))\"")
    let clock = ContinuousClock()
    for how in ["one by one", "gathered"] {
      let took = try clock.measure {
        for number in 0..<count {
          let got = try receiver.receive(Int.self)
          if got != number { say("server", "out of order: \(got) where \(number) should be") }
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
    var sender = try Sender.open(address, within: .seconds(10))
    say("  client", "connected; sends a line, then \(count) numbers one by one, then \(count) gathered")
    try sender.send("hello over the network")
    for number in 0..<count { try sender.send(number) }
    sender.coalesces = true  // Now a call is made when 64 KiB have come together.
    for number in 0..<count { try sender.send(number) }
    try sender.flush()
    try sender.close()
  }
}
