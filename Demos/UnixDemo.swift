import IPC

/// A Unix socket: two directions between processes of one machine. Its own traits: packets that keep their
/// boundaries, and open files that travel: the receiver gets the file itself, and needs no right to its path.
enum UnixDemo: Demo {
  static let name = "unix"
  static let summary = "two directions, boundaries, and an open file sent to another process"

  static func run() throws {
    let pair = try Connection.make(over: .unix)
    var here = pair.near
    let files = try DescriptorSocket.pair()

    var spawn = Spawn(arguments: arguments("answers"))
    try spawn.pass(pair.far.receiver, as: "questions")
    try spawn.pass(pair.far.sender, as: "answers")
    try spawn.pass(files.other, as: "files")
    var child = try spawn.start()
    say("asks", "socketpair(2) gave two ends; process \(child.id) has the others")

    for question in ["how many letters has this?", "and this one?"] {
      say("asks", "sends \"\(question)\"")
      try here.sender.send(question)
      say("asks", "gets \(try here.receiver.receive(Int.self)) back, over the other direction")
    }

    let path = "/proc/sys/kernel/ostype"
    say("asks", "opens \(path) and sends the open file (SCM_RIGHTS): a descriptor, not its bytes")
    try files.one.send(opening: path)
    say("asks", "the other read from it: \"\(try here.receiver.receive(String.self))\"")

    try here.sender.close()
    say("asks", "closed its end; the other ended with \(try child.wait())")
  }

  static func other(_ role: String) throws {
    var questions = try Receiver.inherited("questions")
    var answers = try Sender.inherited("answers")
    let files = try DescriptorSocket.inherited("files")
    for _ in 0..<2 {
      let question = try questions.receive(String.self)
      say("  \(role)", "got \"\(question)\": a packet arrives as it was sent")
      try answers.send(question.count)
    }
    let text = try files.receiveText()
    say("  \(role)", "got an open file, and reads it")
    try answers.send(String(text.prefix { $0 != "\n" }))
    // Nothing more comes: the next receive says so.
    try questions.forEach(String.self) { _ in true }
    say("  \(role)", "the questions have ended")
  }
}
