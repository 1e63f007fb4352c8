import IPC

/// A pipe: bytes from one process to one that it started. Its own trait: the kernel tells each side when the other
/// is gone. The reader gets an end of file when the last writer has closed, and not before; the writer gets EPIPE
/// when the reader has.
enum PipeDemo: Demo {
  static let name = "pipe"
  static let summary = "bytes between related processes, and how each learns that the other is gone"

  static func run() throws {
    let channel = try Channel.make(over: .pipe)
    var sender = channel.sender

    // The child gets the reading end; here it is closed, so that only the child has it.
    var spawn = Spawn(arguments: arguments("reader"))
    try spawn.pass(channel.receiver, as: "lines")
    var child = try spawn.start()

    say("writer", "pipe2(2) gave a reading and a writing end; process \(child.id) has the reading end")
    for line in ["hello", "a pipe has no boundaries of its own", "so each message has its length in front"] {
      say("writer", "writes \"\(line)\"")
      try sender.send(line)
    }
    say("writer", "closes its end: the reader's next read gives 0 bytes, which is the end of file")
    try sender.close()
    say("writer", "the reader ended with \(try child.wait())")

    // The other way round: the reader goes first.
    let second = try Channel.make(over: .pipe)
    var lonely = second.sender
    second.receiver.close()
    do {
      try lonely.send("is anybody there?")
    } catch {
      say("writer", "a write to a pipe without a reader fails (EPIPE): \(error.message)")
    }
  }

  static func other(_ role: String) throws {
    var receiver = try Receiver.inherited("lines")
    try receiver.forEach(String.self) { line in
      say("  reader", "got \"\(line)\"")
      return true
    }
    say("  reader", "end of file: the last writer has closed")
  }
}
