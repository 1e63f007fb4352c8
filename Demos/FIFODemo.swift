import IPC

/// A FIFO: a pipe with a name in the file system. Its own trait: a rendezvous. Neither side is there for the other
/// by birth; opening waits until both have come, and any process that can reach the path can be one of them.
enum FIFODemo: Demo {
  static let name = "fifo"
  static let summary = "a pipe with a path: two strangers meet, also from a shell"

  static func run() throws {
    let path = "/tmp/ipc-demo-\(UInt32.random(in: 0 ... .max)).fifo"

    // The child knows nothing but the path.
    var spawn = Spawn(arguments: arguments(path))
    spawn.inheritsOutput = true
    var child = try spawn.start()
    say(
      "reader", "started process \(child.id), which opens \(path) to write: nothing is there yet, so it waits"
    )

    say("reader", "makes the FIFO (mkfifo, mode 0600) and opens it to read")
    var receiver = try Receiver.open("fifo:\(path)")
    say("reader", "no writer has it open yet: it waits too, and then they meet")
    try receiver.forEach(String.self) { line in
      say("reader", "got \"\(line)\"")
      return true
    }
    say("reader", "the writer has closed (\(try child.wait())); the name goes with the reader that made it")
    receiver.close()

    // With a line for a message, the shell can join: the peer here is a plain /bin/sh.
    var lines = try Receiver.open("fifo:\(path)?framing=line")
    var shell = Spawn("/bin/sh", arguments: ["-c", "echo hello from the shell > \(path)"])
    shell.inheritsOutput = false
    var echo = try shell.start()
    say("reader", "sh -c 'echo … > \(path)' sent \"\(try lines.receive(String.self))\"")
    _ = try echo.wait()
  }

  static func other(_ path: String) throws {
    var sender = try Sender.open("fifo:\(path)", within: .seconds(10))
    say("  writer", "the reader is there: open(2) succeeded")
    for line in ["we have never met", "but we both knew the path"] {
      say("  writer", "writes \"\(line)\"")
      try sender.send(line)
    }
    try sender.close()
  }
}
