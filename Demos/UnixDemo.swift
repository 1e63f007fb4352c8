import Glibc
import IPC

/// A Unix socket (unix(7)): two directions between processes of one machine.
///
/// What Unix sockets add: packets keep their boundaries, which a stream doesn't; one direction can end while the other goes
/// on; and a process can send an open file, which the receiver reads without having access to its path.
enum UnixDemo: Demo {
  static let name = "unix"
  static let summary = "both directions, packets with boundaries, and an open file sent to another process"

  static func run() throws {
    try boundaries()
    try shutdownOfOneDirection()

    var pair = try Connection<String, String>.pair(over: .unix)
    var files = try DescriptorSocket.pair()
    var child = try ChildProcess.spawn(arguments: arguments("answers")) {
      try $0.pass(&pair.far.receiver, as: "questions")
      try $0.pass(&pair.far.sender, as: "answers")
      try $0.pass(&files.other, as: "files")
    }
    say("parent", "made two channels, one each way, to process \(child.id), and a socket for open files")
    for question in ["how many letters has this?", "and this one?"] {
      say("parent", "sends \"\(question)\"")
      try pair.near.sender.send(question)
      say("parent", "receives \"\(try pair.near.receiver.receive())\" over the other direction")
    }

    let path = "/proc/sys/kernel/ostype"
    say("parent", "opens \(path) and sends the open file: its descriptor (SCM_RIGHTS), not its bytes")
    try files.one.send(opening: path)
    say("parent", "the other process read from it: \"\(try pair.near.receiver.receive())\"")

    try pair.near.sender.close()
    say("parent", "closes its sender; the other process ends with \(try child.wait())")
  }

  static func other(_ role: String) throws {
    var questions = try Receiver<String>(inherited: "questions")
    var answers = try Sender<String>(inherited: "answers")
    let files = try DescriptorSocket(inherited: "files")
    for _ in 0..<2 {
      let question = try questions.receive()
      say("  child", "got \"\(question)\", a whole packet")
      try answers.send("\(question.count)")
    }
    let text = try files.receiveText()
    say("  child", "got an open file, and reads from it")
    try answers.send(String(text.prefix { $0 != "\n" }))
    while try questions.next() != nil {}
    say("  child", "end of file: the sender of the questions has closed")
  }

  // MARK: The sockets themselves

  /// Two writes and one read, on a stream and on packets.
  private static func boundaries() throws {
    for (type, name) in [(SOCK_STREAM, "SOCK_STREAM"), (SOCK_SEQPACKET, "SOCK_SEQPACKET")] {
      let ends = try socketPair(type)
      defer { for end in ends { close(end) } }
      write("ab", to: ends[0])
      write("cd", to: ends[0])
      say(
        "parent", "\(name): write(2) of \"ab\" and of \"cd\"; one read(2) returns \"\(read(from: ends[1]))\"")
      guard type == SOCK_STREAM else { continue }
      write("efgh", to: ends[0])
      let first = read(from: ends[1], atMost: 3)
      say(
        "parent",
        "\(name): write(2) of \"efgh\"; a read(2) of 3 bytes returns \"\(first)\", the next \"\(read(from: ends[1]))\""
      )
    }
  }

  private static func shutdownOfOneDirection() throws {
    let ends = try socketPair(SOCK_STREAM)
    defer { for end in ends { close(end) } }
    write("the last words", to: ends[0])
    shutdown(ends[0], Int32(SHUT_WR))
    let (words, end) = (read(from: ends[1]), read(from: ends[1]))
    write("an answer", to: ends[1])
    say(
      "parent",
      "wrote \"\(words)\", and shutdown(2), SHUT_WR: the peer's second read(2) returns \(end.count), the end of file"
    )
    say("parent", "the other direction still works: one read(2) returns \"\(read(from: ends[0]))\"")
  }

  private static func socketPair(_ type: __socket_type) throws -> [Int32] {
    var ends: [Int32] = [-1, -1]
    guard unsafe socketpair(AF_UNIX, Int32(type.rawValue), 0, &ends) == 0 else { throw Failure() }
    return ends
  }

  /// socketpair(2) failed.
  private struct Failure: Error {}

  private static func write(_ text: String, to socket: Int32) {
    _ = unsafe Glibc.write(socket, text, text.utf8.count)
  }

  private static func read(from socket: Int32, atMost count: Int = 100) -> String {
    var bytes = [UInt8](repeating: 0, count: count)
    let found = unsafe Glibc.read(socket, &bytes, count)
    return String(decoding: bytes[..<max(0, found)], as: UTF8.self)
  }
}
