import Glibc
import IPC

/// A pipe (pipe(7)): bytes from one process to another that it started.
///
/// What a pipe adds: the kernel reports to each process when the other is gone, and makes a writer wait while the pipe
/// is full. The reader gets an end of file when the last writer has closed, and not before; the writer gets SIGPIPE, or
/// EPIPE, when the last reader has closed. Writes of at most PIPE_BUF bytes arrive whole.
enum PipeDemo: Demo {
  static let name = "pipe"
  static let summary = "bytes between related processes: end of file, EPIPE, a full pipe, writes that mix"

  private static let limit = Duration.seconds(10)
  /// Bytes that one write(2) puts into a pipe whole: 4096 on Linux.
  private static let wholeBytes = Int(PIPE_BUF)

  static func run() throws {
    try messages()
    try writeWithoutReader()
    try fill()
    try keepWriteEndOpen()
    try mixWrites()
  }

  static func other(_ role: String) throws {
    switch role {
    case "reader": try readMessages()
    case "signal": try writeByDefault()
    case "holder": sleep(60)  // Its parent ends it before.
    default: try write(role)
    }
  }

  // MARK: Messages, and the end of file

  private static func messages() throws {
    var channel = try Channel<String>(over: .pipe)
    // The child gets the receiver. It is closed here, so that the child alone has it.
    var child = try ChildProcess.spawn(arguments: arguments("reader")) {
      try $0.pass(&channel.receiver, as: "lines")
    }
    say("writer", "pipe2(2) made a read end and a write end; process \(child.id) has the read end")
    for line in ["hello", "a pipe has no boundaries", "so each message has a header with its length"] {
      say("writer", "write(2): \"\(line)\"")
      try channel.sender.send(line, within: limit)
    }
    say("writer", "close(2) of the only write end: the reader's next read(2) returns 0")
    try channel.sender.close()
    say("writer", "the reader ended with \(try end(&child))")
  }

  private static func readMessages() throws {
    var receiver = try Receiver<String>(inherited: "lines")
    while let line = try receiver.next() { say("  reader", "got \"\(line)\"") }
    say("  reader", "end of file: the last writer has closed")
  }

  // MARK: SIGPIPE and EPIPE

  private static func writeWithoutReader() throws {
    var child = try ChildProcess.spawn(arguments: arguments("signal"))
    let exit = try end(&child)
    say(
      "writer",
      exit == .signal(SIGPIPE) ? "process \(child.id) ended with \(exit): SIGPIPE" : "it ended with \(exit)")

    _ = signal(SIGPIPE, SIG_IGN)
    let pipe = try RawPipe()
    pipe.closeReading()
    let failed = pipe.write(count: 1)
    say("writer", "signal(SIGPIPE, SIG_IGN), and the same write(2) gives \(failed)")

    var channel = try Channel<String>(over: .pipe)
    channel.receiver.close()
    do {
      try channel.sender.send("too late")
    } catch {
      say("writer", "a channel ignores SIGPIPE, and its send throws: \(error.message)")
    }
  }

  private static func writeByDefault() throws {
    _ = signal(SIGPIPE, SIG_DFL)
    let pipe = try RawPipe()
    pipe.closeReading()
    say("  child", "write(2) to a pipe without a reader, with SIGPIPE's default action: it ends the process")
    _ = pipe.write(count: 1)
    say("  child", "goes on")
  }

  // MARK: Full

  private static func fill() throws {
    let pipe = try RawPipe()
    _ = fcntl(pipe.writing, F_SETFL, O_NONBLOCK)
    var count = 0
    var last = pipe.write(count: wholeBytes)
    while last.result > 0 {
      count += last.result
      last = pipe.write(count: wholeBytes)
    }
    say(
      "writer",
      "no process reads: write(2) with O_NONBLOCK fills the pipe with \(count) bytes (\(count / 1024) KiB), then gives \(last)"
    )
    say(
      "writer",
      "poll(2), POLLOUT: \(events(pipe.writing, POLLOUT, milliseconds: 0)): a write(2) that may block waits")
    _ = try pipe.read(wholeBytes)
    say("writer", "after a read(2) of \(wholeBytes) bytes: \(events(pipe.writing, POLLOUT, milliseconds: 0))")

    var channel = try Channel<String>(over: .pipe)
    let page = String(repeating: "-", count: 4000)
    var sent = 0
    while try channel.sender.trySend(page) { sent += 1 }
    do {
      try channel.sender.send(page, within: .milliseconds(50))
    } catch {
      say(
        "writer",
        "a channel takes \(sent) messages of 4000 bytes; then send(_:within: 50 ms) throws: \(error.message)")
    }
  }

  // MARK: A write end that stays open

  private static func keepWriteEndOpen() throws {
    let pipe = try RawPipe()
    // As a shell connects two commands: the child's standard output is the pipe.
    var holder = try spawn("holder", output: pipe.writing)
    pipe.closeWriting()
    say(
      "reader", "this process has closed its write end; process \(holder.id), which it started, still has one"
    )
    say(
      "reader",
      "poll(2) for 100 ms: \(events(pipe.reading, POLLIN, milliseconds: 100)): no end of file; a read(2) would wait"
    )
    holder.kill()
    _ = try end(&holder)
    say(
      "reader",
      "process \(holder.id) is gone: poll(2) gives \(events(pipe.reading, POLLIN, milliseconds: 10_000)), and read(2) \(try pipe.read(1).count)"
    )
  }

  // MARK: Writes that mix

  private static let writes = 40

  private static func mixWrites() throws {
    let whole = try mixed(bytes: wholeBytes)
    say(
      "reader",
      "2 processes, \(writes) writes each of \(wholeBytes) bytes (PIPE_BUF): \(whole) of \(2 * writes) were mixed"
    )
    let large = 16 * wholeBytes + 1
    // Whether two writes meet is up to the scheduler.
    for _ in 0..<100 {
      let count = try mixed(bytes: large)
      guard count > 0 else { continue }
      say(
        "reader",
        "2 processes, \(writes) writes each of \(large) bytes: \(count) of \(2 * writes) were mixed with the other's"
      )
      return
    }
    say("reader", "2 processes, \(writes) writes each of \(large) bytes: none was mixed, which may happen")
  }

  /// Two processes write into one pipe at once.
  /// - Returns: how many writes have bytes of the other process between their own.
  private static func mixed(bytes size: Int) throws -> Int {
    let pipe = try RawPipe()
    let gate = try RawPipe()
    var first = try spawn("\(size) 1", output: pipe.writing, input: gate.reading)
    var second = try spawn("\(size) 2", output: pipe.writing, input: gate.reading)
    pipe.closeWriting()
    gate.closeReading()
    // Each writes a byte when it is ready, and begins at the end of its input: both at once.
    var ready = 0
    while ready < 2 {
      let count = try pipe.read(2 - ready).count
      guard count > 0 else { throw Incomplete() }
      ready += count
    }
    gate.closeWriting()

    var counts = [0, 0]
    var mixed: Set<[Int]> = []
    var last = 0
    // A page at a time: each read(2) makes room for whichever writer waits longest.
    while case let bytes = try pipe.read(wholeBytes), !bytes.isEmpty {
      for byte in bytes {
        let writer = Int(byte) - 1
        // The other process's bytes begin in the middle of a write.
        if writer != last, !counts[last].isMultiple(of: size) { mixed.insert([last, counts[last] / size]) }
        counts[writer] += 1
        last = writer
      }
    }
    _ = try (end(&first), end(&second))
    guard counts == [writes * size, writes * size] else { throw Incomplete() }
    return mixed.count
  }

  private struct Incomplete: Error, CustomStringConvertible {
    let description = "a writer ended before it had written everything, or wrote nothing for ten seconds"
  }

  /// `role` has the bytes of a write, and the value of each.
  private static func write(_ role: String) throws {
    let numbers = role.split(separator: " ").compactMap { Int($0) }
    guard numbers.count == 2, let value = UInt8(exactly: numbers[1]) else { return }
    let bytes = [UInt8](repeating: value, count: numbers[0])
    var one = value
    _ = unsafe Glibc.write(1, &one, 1)
    while unsafe Glibc.read(0, &one, 1) > 0 {}
    for _ in 0..<writes where unsafe Glibc.write(1, bytes, bytes.count) != bytes.count { exit(1) }
  }

  // MARK: Below the channel

  /// Both ends of a pipe(2).
  private final class RawPipe {
    private(set) var reading: Int32 = -1
    private(set) var writing: Int32 = -1

    init() throws {
      var ends: [Int32] = [-1, -1]
      guard unsafe Glibc.pipe(&ends) == 0 else { throw CallFailure("pipe(2)") }
      (reading, writing) = (ends[0], ends[1])
    }

    deinit {
      closeReading()
      closeWriting()
    }

    func closeReading() {
      if reading >= 0 { _ = close(reading) }
      reading = -1
    }

    func closeWriting() {
      if writing >= 0 { _ = close(writing) }
      writing = -1
    }

    /// One write(2).
    func write(count: Int) -> Outcome {
      let bytes = [UInt8](repeating: 0, count: count)
      let result = unsafe Glibc.write(writing, bytes, count)
      return Outcome(result: result, error: result < 0 ? errno : 0)
    }

    /// One read(2), which waits for bytes for ten seconds at most; no bytes at the end of file.
    func read(_ capacity: Int) throws -> [UInt8] {
      var entry = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&entry, 1, 10_000) == 1 else { throw Incomplete() }
      var bytes = [UInt8](repeating: 0, count: capacity)
      let count = unsafe Glibc.read(reading, &bytes, capacity)
      guard count >= 0 else { throw CallFailure("read(2)") }
      return Array(bytes.prefix(count))
    }
  }

  /// What a call returned.
  private struct Outcome: CustomStringConvertible {
    let result: Int
    let error: Int32

    var description: String {
      guard result < 0 else { return "\(result)" }
      let name = error == EPIPE ? "EPIPE" : error == EAGAIN ? "EAGAIN" : "errno \(error)"
      return unsafe "\(name): \(String(cString: strerror(error)))"
    }
  }

  /// poll(2) of one descriptor.
  private static func events(_ descriptor: Int32, _ event: Int32, milliseconds: Int32) -> String {
    var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    guard unsafe poll(&entry, 1, milliseconds) > 0 else { return "nothing" }
    return [("POLLIN", POLLIN), ("POLLOUT", POLLOUT), ("POLLHUP", POLLHUP), ("POLLERR", POLLERR)]
      .filter { Int32(entry.revents) & $0.1 != 0 }.map(\.0).joined(separator: " | ")
  }

  /// Starts this program again with another standard output and input, as a shell does for `one | other`.
  private static func spawn(_ role: String, output: Int32, input: Int32? = nil) throws -> ChildProcess {
    // A child inherits this process's: each is replaced with dup2(2) until it is started.
    let kept = (dup(0), dup(1))
    defer {
      for (copy, number) in [(kept.0, Int32(0)), (kept.1, 1)] {
        _ = copy < 0 ? close(number) : dup2(copy, number)
        if copy >= 0 { _ = close(copy) }
      }
    }
    if let input { _ = dup2(input, 0) }
    _ = dup2(output, 1)
    return try ChildProcess.spawn(arguments: arguments(role)) { $0.inheritsInput = input != nil }
  }

  /// Waits for a child's end; one that doesn't end is killed.
  private static func end(_ child: inout ChildProcess) throws -> ChildProcess.Exit {
    if let exit = try child.wait(within: limit) { return exit }
    child.kill()
    return try child.wait()
  }
}
