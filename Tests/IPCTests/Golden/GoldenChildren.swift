import CProbe
import Glibc
import IPC

/// What a child process finds: its environment, and what its descriptors are.
extension GoldenDump {
  static func children(_ places: Places) throws -> [String] {
    var dump = GoldenDump()
    dump.title("no endpoint")
    try dump.child(Spawn("/bin/sleep", arguments: ["60"]))
    let options = [
      "pipe:", "pipe:?senders=many", "pipe:?wait=block&max=1M&capacity=8192&coalesce=yes&framing=line",
      "fifo:",
      "fifo:?senders=one", "queue:", "queue:?receivers=one", "semaphore:", "semaphore:?type=tokens",
      "memory:",
      "unix:", "unix:?type=stream", "unix:?capacity=8192", "tcp:", "posix-queue:", "posix-semaphore:",
      "eventfd:",
      "signal:", "popen:", "memfd:",
    ]
    for address in options {
      for role in ["sender", "receiver"] {
        dump.title("\(address), \(role)")
        var channel = try ByteChannel(at: address)
        var spawn = Spawn("/bin/sleep", arguments: ["60"])
        if role == "sender" {
          try spawn.pass(&channel.sender, as: "end")
        } else {
          try spawn.pass(&channel.receiver, as: "end")
        }
        try dump.child(spawn)
        // The other endpoint goes after its peer, as it would in a program.
        try channel.sender.close()
        channel.receiver.close()
      }
    }
    for role in ["sender", "receiver"] {
      dump.title("pipe: of String, \(role)")
      var channel = try Channel<String>(at: "pipe:")
      var spawn = Spawn("/bin/sleep", arguments: ["60"])
      if role == "sender" {
        try spawn.pass(&channel.sender, as: "end")
      } else {
        try spawn.pass(&channel.receiver, as: "end")
      }
      try dump.child(spawn)
      try channel.sender.close()
      channel.receiver.close()
    }
    dump.title("four endpoints, and a variable of its own")
    var queue = try ByteChannel(at: "queue:")
    var memory = try ByteChannel(at: "memory:")
    var pipe = try ByteChannel(at: "pipe:")
    let packets = try ByteChannel(at: "unix:")
    var spawn = Spawn("/bin/sleep", arguments: ["60"])
    spawn.environment["SWIFT_IPC_OTHER"] = "kept"
    try spawn.pass(&queue.sender, as: "first")
    try spawn.pass(&memory.receiver, as: "second")
    try spawn.pass(&pipe.receiver, as: "third-1")
    try spawn.share(packets.sender, as: "fourth")
    try dump.child(spawn)
    return dump.lines
  }

  /// Starts it, writes down what it finds, and ends it.
  private mutating func child(_ spawn: consuming Spawn) throws {
    var child = try spawn.start()
    let process = "\(child.id)"
    // It sleeps: the kernel has put its environment in place, and it has closed the files of its locale.
    wait { Self.state(of: process) == "S" }
    let environment = try Self.contents("/proc/\(process)/environ").split(separator: 0)
    let variables = environment.map { String(decoding: $0, as: UTF8.self) }
    for variable in variables.filter({ $0.hasPrefix("SWIFT_IPC_") }).sorted() {
      line("  \(Self.withoutIDs(variable))")
    }
    let numbers = Self.names(in: "/proc/\(process)/fd").compactMap { Int32($0) }.filter { $0 > 2 }.sorted()
    for text in Self.describe(numbers, of: process) { line("  \(text)") }
    child.kill()
    _ = try child.wait()
  }

  private static func state(of process: String) -> Substring {
    let text = String(decoding: (try? contents("/proc/\(process)/stat")) ?? [], as: UTF8.self)
    guard text.contains("(sleep)"), let name = text.lastIndex(of: ")") else { return "" }
    return text[name...].dropFirst(2).prefix(1)
  }

  /// The variable of an endpoint, with a name for each number of the kernel's.
  private static func withoutIDs(_ variable: String) -> String {
    let pieces = variable.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    return pieces.map { piece in
      piece.split(separator: "&").map { pair in
        let parts = pair.split(separator: "=")
        guard parts.count == 2, ["queue", "mutexes", "segment", "set", "key"].contains(parts[0]),
          parts[1] != "0",
          Int32(parts[1]) != nil
        else { return String(pair) }
        return "\(parts[0])=ID"
      }.joined(separator: "&")
    }.joined(separator: " ")
  }

  /// What each of a process's descriptors is, and how it was opened; the same letter stands for the same thing.
  static func describe(_ numbers: [Int32], of process: String) -> [String] {
    var seen: [String] = []
    return numbers.enumerated().map { index, number in
      let target = target("/proc/\(process)/fd/\(number)")
      let info = (try? contents("/proc/\(process)/fdinfo/\(number)")) ?? []
      let flags =
        String(decoding: info, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("flags:") }
        .flatMap { Int32($0.split(separator: "\t").last ?? "", radix: 8) } ?? -1
      let access =
        ["reads", "writes", "both", "?"][Int(flags & 3)] + (flags & O_NONBLOCK != 0 ? ", nonblocking" : "")
      let place = seen.firstIndex(of: target) ?? seen.count
      if place == seen.count { seen.append(target) }
      let letter = String(UnicodeScalar(UInt8(65 + place)))
      // In the test's own process the numbers are of no importance.
      let name = process == "self" ? "descriptor \(index)" : "descriptor \(number)"
      return "\(name): \(kind(target)) \(letter), \(access)"
    }
  }

  private static func kind(_ target: String) -> String {
    if target.hasPrefix("/tmp/swift-ipc-fifo-"), target.hasSuffix(" (deleted)") {
      return "a FIFO without a name"
    }
    if target.hasPrefix("/memfd:") || target.hasPrefix("anon_inode:") { return target }
    if target.hasSuffix(" (deleted)") { return withoutDigits(String(target.dropLast(10))) + " (deleted)" }
    return String(target.prefix { $0 != ":" })
  }
}
