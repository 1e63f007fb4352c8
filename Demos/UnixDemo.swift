import IPC

/// A Unix socket (unix(7)): two directions between processes of one machine.
///
/// What Unix sockets add: packets keep their boundaries, and a process can send an open file: the receiver reads it
/// without having access to its path.
enum UnixDemo: Demo {
  static let name = "unix"
  static let summary = "both directions, packets with boundaries, and an open file sent to another process"

  static func run() throws {
    var pair = try ByteConnection.Pair(over: .unix)
    var files = try DescriptorSocket.pair()

    var spawn = Spawn(arguments: arguments("answers"))
    try spawn.pass(&pair.far.receiver, as: "questions")
    try spawn.pass(&pair.far.sender, as: "answers")
    try spawn.pass(&files.other, as: "files")
    var child = try spawn.start()
    var here = pair.near
    say(
      "asks",
      "socketpair(2) made a pair of sockets for each direction; process \(child.id) has one of each pair")

    for question in ["how many letters has this?", "and this one?"] {
      say("asks", "sends \"\(question)\"")
      try here.sender.send(question)
      say("asks", "receives \(try here.receiver.receive(Int.self)) over the other direction")
    }

    let path = "/proc/sys/kernel/ostype"
    say("asks", "opens \(path) and sends the open file: its descriptor (SCM_RIGHTS), not its bytes")
    try files.one.send(opening: path)
    say("asks", "the other process read from it: \"\(try here.receiver.receive(String.self))\"")

    try here.sender.close()
    say("asks", "closes its sender; the other process ends with \(try child.wait())")
  }

  static func other(_ role: String) throws {
    var questions = try ByteReceiver(inherited: "questions")
    var answers = try ByteSender(inherited: "answers")
    let files = try DescriptorSocket(inherited: "files")
    for _ in 0..<2 {
      let question = try questions.receive(String.self)
      say("  \(role)", "got \"\(question)\": the packet arrives whole")
      try answers.send(question.count)
    }
    let text = try files.receiveText()
    say("  \(role)", "got an open file, and reads from it")
    try answers.send(String(text.prefix { $0 != "\n" }))
    // Waits until the sender has closed.
    while try questions.next(String.self) != nil {}
    say("  \(role)", "the sender of the questions has closed")
  }
}
