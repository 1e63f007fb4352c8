import IPC

/// A FIFO (fifo(7)): a pipe with a name in the file system.
///
/// What a FIFO adds: the two processes need not be related. Each opens the path, and each waits until the other has opened
/// it too. Any process of the user that can reach the path can be either of them.
enum FIFODemo: Demo {
  static let name = "fifo"
  static let summary = "a pipe with a path: unrelated processes open it, also from a shell"

  static func run() throws {
    let path = "/tmp/ipc-demo-\(UInt32.random(in: 0 ... .max)).fifo"

    // The child is passed no endpoint: it gets the path alone.
    var spawn = Spawn(arguments: arguments(path))
    spawn.inheritsOutput = true
    var child = try spawn.start()
    say(
      "reader",
      "started process \(child.id), which opens \(path) for writing: the path doesn't exist yet, so it waits"
    )

    say("reader", "makes the FIFO (mkfifo(3), mode 0600) and opens it for reading")
    var receiver = try Receiver<String>(at: "fifo:\(path)")
    say("reader", "no writer has opened it yet, so the first receive waits for one")
    while let line = try receiver.next() { say("reader", "got \"\(line)\"") }
    say("reader", "the writer has closed (\(try child.wait())); the reader made the name, and removes it")
    receiver.close()

    // With a line for each message, a shell can send: the peer here is /bin/sh.
    var lines = try Receiver<String>(at: "fifo:\(path)?framing=line")
    var shell = Spawn("/bin/sh", arguments: ["-c", "echo hello from the shell > \(path)"])
    shell.inheritsOutput = false
    var echo = try shell.start()
    say("reader", "sh -c 'echo … > \(path)' sent \"\(try lines.receive())\"")
    _ = try echo.wait()
  }

  static func other(_ path: String) throws {
    var sender = try Sender<String>(to: "fifo:\(path)", within: .seconds(10))
    say("  writer", "open(2) succeeded: there is a reader")
    for line in ["hello from a process", "that knows the path alone"] {
      say("  writer", "writes \"\(line)\"")
      try sender.send(line)
    }
    try sender.close()
  }
}
