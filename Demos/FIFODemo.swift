import Glibc
import IPC

/// A FIFO (fifo(7)): a pipe with a name in the file system.
///
/// What a FIFO adds: the two processes need not be related. Each opens the path, and each waits until the other has opened
/// it too. Any process of the user that can reach the path can be either of them, and several can write. The name stays
/// when all have closed: the next ones to open it continue.
enum FIFODemo: Demo {
  static let name = "fifo"
  static let summary = "a pipe with a path: unrelated processes open it, wait for each other, and come again"

  private static let limit = Duration.seconds(10)

  static func run() throws {
    let path = "/tmp/ipc-demo-\(UInt32.random(in: 0 ... .max)).fifo"
    try cleaningUp({ _ = unsafe unlink(path) }) {
      guard unsafe mkfifo(path, 0o600) == 0 else { throw CallFailure("mkfifo(3) \(path)") }
      say("parent", "mkfifo(3) made \(path)")
      try openBothEnds(path)
      try receiveFromTwo(path)
      try reopen(path)
    }
    say("parent", "unlink(2) removed \(path)")
  }

  static func other(_ role: String) throws {
    let parts = role.split(separator: " ", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return }
    switch parts[0] {
    case "reader": try read(parts[1])
    case "writer": try write(parts[1])
    default: try write(parts[0], parts[1])
    }
  }

  // MARK: The two opens

  private static func openBothEnds(_ path: String) throws {
    let early = openFIFO(path, O_WRONLY | O_NONBLOCK)
    guard early < 0 else { throw Unexpected("a process reads \(path) already") }
    say(
      "parent",
      "open(2), O_WRONLY | O_NONBLOCK: \(errno == ENXIO ? "ENXIO: " : "")\(errorText()): no process reads")

    var reader = try ChildProcess.spawn(arguments: arguments("reader \(path)"))
    // Its open(2) waits for this one: until it does, ENXIO.
    let descriptor = try openForWriting(path, while: &reader)
    say("parent", "open(2), O_WRONLY | O_NONBLOCK succeeds: process \(reader.id) waits in open(2) to read")
    let line = "hello\n"
    guard unsafe Glibc.write(descriptor, line, line.utf8.count) > 0 else { throw CallFailure("write(2)") }
    _ = close(descriptor)
    _ = try end(&reader)
  }

  private static func openForWriting(_ path: String, while reader: inout ChildProcess) throws -> Int32 {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < limit {
      let descriptor = openFIFO(path, O_WRONLY | O_NONBLOCK)
      if descriptor >= 0 { return descriptor }
      guard errno == ENXIO else { throw CallFailure("open(2) \(path)") }
      if let exit = try reader.wait(within: .milliseconds(1)) {
        throw Unexpected("the reader ended with \(exit)")
      }
    }
    throw Unexpected("the reader didn't open \(path)")
  }

  private static func read(_ path: String) throws {
    say("  reader", "open(2), O_RDONLY: waits until a process opens it to write")
    let descriptor = openFIFO(path, O_RDONLY)
    if descriptor < 0, errno == ENOENT { return }  // The parent was interrupted, and has removed it.
    guard descriptor >= 0 else { throw CallFailure("open(2) \(path)") }
    say("  reader", "open(2) has returned: there is a writer; read(2): \(readLine(descriptor))")
  }

  // MARK: Several writers

  private static func receiveFromTwo(_ path: String) throws {
    var receiver = try Receiver<String>(at: "fifo:\(path)")
    // Each writer sends, and waits for the end of this channel before it sends again: both have the FIFO open by then.
    var gateA = try Channel<String>(over: .pipe)
    var gateB = try Channel<String>(over: .pipe)
    var first = try ChildProcess.spawn(arguments: arguments("A \(path)")) {
      try $0.pass(&gateA.receiver, as: "gate")
    }
    var second = try ChildProcess.spawn(arguments: arguments("B \(path)")) {
      try $0.pass(&gateB.receiver, as: "gate")
    }
    for _ in 0..<2 { say("parent", "got \"\(try receiver.receive(within: limit))\"") }
    try gateA.sender.close()
    say("parent", "got \"\(try receiver.receive(within: limit))\"")
    _ = try end(&first)
    say(
      "parent",
      "one writer has closed, which the reader isn't told: tryReceive gives \(try receiver.tryReceive() ?? "nil")"
    )
    try gateB.sender.close()
    while let line = try receiver.next() { say("parent", "got \"\(line)\"") }
    say("parent", "end of file: the last writer has closed")
    _ = try end(&second)
  }

  private static func write(_ role: String, _ path: String) throws {
    var gate = try Receiver<String>(inherited: "gate")
    var sender = try Sender<String>(to: "fifo:\(path)", within: limit)
    try sender.send("hello from writer \(role)")
    while try gate.next() != nil {}
    try sender.send("goodbye from writer \(role)")
    try sender.close()
  }

  // MARK: End of file, and a new writer

  /// Shells write here, without a channel: `echo` and a path are enough.
  private static func reopen(_ path: String) throws {
    var ready = try Channel<String>(over: .pipe)
    var writer = try ChildProcess.spawn(arguments: arguments("writer \(path)")) {
      try $0.pass(&ready.sender, as: "ready")
    }
    _ = try ready.receiver.receive(within: limit)
    if let exit = try writer.wait(within: .milliseconds(50)) { throw Unexpected("it ended with \(exit)") }
    say("parent", "50 ms later process \(writer.id) still waits")
    say("parent", "open(2), O_RDONLY | O_NONBLOCK: doesn't wait, and lets the writer's open(2) return")
    let descriptor = openFIFO(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else { throw CallFailure("open(2) \(path)") }
    defer { _ = close(descriptor) }
    _ = try end(&writer)
    say("parent", "read(2): \(readLine(descriptor)); again: \(readLine(descriptor)), since no writer is left")

    for line in ["hello from a shell", "hello from the next"] {
      var shell = try ChildProcess.spawn("sh", arguments: ["-c", "echo \"$0\" > \"$1\"", line, path])
      let exit = try end(&shell)
      guard exit == .code(0) else { throw Unexpected("sh ended with \(exit)") }
      say("parent", "sh -c 'echo \(line) > \(path)'; read(2): \(readLine(descriptor))")
      say("parent", "read(2) again: \(readLine(descriptor)), until the next writer opens \(path)")
    }

    var receiver = try Receiver<String>(at: "fifo:\(path)?framing=line")
    var shell = try ChildProcess.spawn(
      "sh", arguments: ["-c", "echo one message for each line > \"$0\"", path])
    say("parent", "a channel with ?framing=line receives \"\(try receiver.receive(within: limit))\"")
    _ = try end(&shell)
  }

  private static func write(_ path: String) throws {
    var ready = try Sender<String>(inherited: "ready")
    say("  writer", "open(2), O_WRONLY: waits until a process opens it to read")
    try ready.send("ready")
    let descriptor = openFIFO(path, O_WRONLY)
    if descriptor < 0, errno == ENOENT { return }  // The parent was interrupted, and has removed it.
    guard descriptor >= 0 else { throw CallFailure("open(2) \(path)") }
    say("  writer", "open(2) has returned: there is a reader; write(2), and close(2)")
    let line = "hello from a writer that waited\n"
    guard unsafe Glibc.write(descriptor, line, line.utf8.count) > 0 else { throw CallFailure("write(2)") }
  }

  // MARK: Below the channel

  private struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// open(2).
  private static func openFIFO(_ path: String, _ flags: Int32) -> Int32 { unsafe Glibc.open(path, flags) }

  /// One read(2).
  private static func readLine(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 200)
    let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { return errorText() }
    guard count > 0 else { return "0, the end of file" }
    return
      "\"\(String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").joined(separator: ", "))\""
  }

  /// Waits for a child's end; one that doesn't end is killed.
  private static func end(_ child: inout ChildProcess) throws -> ChildProcess.Exit {
    if let exit = try child.wait(within: limit) { return exit }
    child.kill()
    return try child.wait()
  }
}
