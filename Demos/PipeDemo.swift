import IPC

/// A pipe (pipe(7)): bytes from one process to another that it started.
///
/// What a pipe adds: the kernel reports to each process when the other is gone. The reader gets an end of file when the
/// last writer has closed, and not before; the writer gets EPIPE when the last reader has closed.
enum PipeDemo: Demo {
  static let name = "pipe"
  static let summary = "bytes between related processes, and the kernel's report when one of them is gone"

  static func run() throws {
    var channel = try Channel<String>(over: .pipe)

    // The child gets the receiver. It is closed here, so that the child alone has it.
    var child = try ChildProcess.spawn(arguments: arguments("reader")) {
      try $0.pass(&channel.receiver, as: "lines")
    }

    say("writer", "pipe2(2) made a read end and a write end; process \(child.id) has the read end")
    for line in [
      "hello", "a pipe carries bytes without boundaries", "so each message has a header with its length",
    ] {
      say("writer", "writes \"\(line)\"")
      try channel.sender.send(line)
    }
    say("writer", "closes the write end: the reader's next read(2) returns 0, which is the end of file")
    try channel.sender.close()
    say("writer", "the reader ended with \(try child.wait())")

    // The other way round: the reader closes first.
    var second = try Channel<String>(over: .pipe)
    second.receiver.close()
    do {
      try second.sender.send("too late")
    } catch {
      say("writer", "a write to a pipe without a reader fails (EPIPE): \(error.message)")
    }
  }

  static func other(_ role: String) throws {
    var receiver = try Receiver<String>(inherited: "lines")
    while let line = try receiver.next() { say("  reader", "got \"\(line)\"") }
    say("  reader", "end of file: the last writer has closed")
  }
}
