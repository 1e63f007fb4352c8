import IPC
import SystemCalls

/// What a program does that was started without standard input, output or error, as the tests of it choose: it opens
/// endpoints over every mechanism, and starts a child that prints and reads.
enum ClosedStreams {
  static let role = "closed-streams"

  /// Writes what is wrong into a file, a line for each; nothing if all is right.
  static func run(_ report: String) throws {
    let closed = (0...2).filter { !Streams.isOpen(Int32($0)) }
    var wrong: [String] = []
    func look(_ after: String) {
      for number in closed where Streams.isOpen(Int32(number)) {
        wrong.append("\(number) is open after \(after)")
      }
    }
    for mechanism in Mechanism.all + Mechanism.variants {
      let channel = try ByteChannel(over: mechanism)
      look("making a channel over \(mechanism)")
      _ = consume channel
    }
    let name = report.split(separator: "/").last!
    let addresses =
      ["memory:\(name)", "queue:\(name)", "semaphore:\(name)", "tcp:127.0.0.1:\(try Internet.freePort())"]
      + ["fifo", "unix", "memfd"].map { "\($0):\(report)-\($0)" }
    for address in addresses {
      var receiver = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address, within: .seconds(10))
      try sender.send(address.hasPrefix("semaphore") ? [] : [7])
      try receiver.receive(within: .seconds(10)) { _ in }
      look("a message over \(address)")
      try sender.close()
      receiver.close()
    }
    if let answer = try childPrints() { wrong.append(answer) }
    look("starting a child")
    let file = try Files.open(report, .write, create: true)
    try Files.writeText(file, wrong.map { "\($0)\n" }.joined())
  }

  /// Returns what is wrong with a child that has this process's standard streams.
  private static func childPrints() throws -> String? {
    var first = try Channel<String>(over: .pipe)
    var second = try Channel<String>(over: .pipe)
    var child = try ChildProcess.spawn(
      "/bin/sh", arguments: ["-c", "echo output; echo error >&2; cat; exit 7"]
    ) { $0.inheritsInput = true }
    guard let exit = try child.wait(within: .seconds(10)) else { return "the child hangs" }
    if exit != .code(7) { return "the child ended with \(exit)" }
    return content(&first) ?? content(&second)
  }

  /// What a channel carries that should be empty.
  private static func content(_ channel: inout Channel<String>) -> String? {
    do throws(ChannelError) {
      return try channel.receiver.tryReceive().map { "a channel carries \($0)" }
    } catch {
      return "a channel fails: \(error)"
    }
  }
}
