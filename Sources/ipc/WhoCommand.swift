import IPC
import Measurement
import SystemCalls

/// `ipc who`: which processes are at the ends of a channel.
enum WhoCommand: Command {
  static let name = "who"
  static let summary = "which processes have a channel open, and what each of them waits in"
  static let example = """
    ipc who queue:jobs
    ipc who unix:/run/user/1000/jobs --json
    ipc who --pid 1234
    """
  static let usage = """
    ipc who ADDRESS [--json]
    ipc who --pid N [--json]
    """
  static let removesLeftovers = false
  static let details = """
    Shows the processes at both ends of an address: role, user, since when each runs, and the system call that it is
    blocked in. Also for what ipc list calls anonymous:KEY, shm:ID, msg:ID, sem:ID and mq:/NAME. Processes of other users
    can be looked at by root alone.

      --pid N   every pipe, FIFO and socket of that process, and the processes at the other end of each
      --json    one JSON document
    """

  private struct Document: Encodable {
    let objects: [EndpointsFound]
    let unreadable: Int

    enum CodingKeys: String, CodingKey {
      case objects
      case unreadable = "processes_not_looked_at"
    }
  }

  static func run(_ arguments: inout Arguments) throws {
    let json = arguments.flag("--json")
    let process = try arguments.number("--pid", 1...Int(Int32.max))
    let words = try arguments.rest()
    guard words.count + (process == nil ? 0 : 1) == 1 else {
      throw arguments.wrong(
        words.isEmpty && process == nil
          ? "an address is missing: write ipc who queue:jobs, or ipc who --pid N"
          : "one address, or --pid, at a time")
    }
    if let word = words.first {
      guard PlainText.shown(word) == word, word.utf8.count <= mostBytes else {
        throw Failure.call(
          "invalid address \"\(PlainText.short(word))\": it has control characters, or more than \(mostBytes) bytes"
        )
      }
    }
    let scan = ProcessScan()
    let found =
      if let process {
        try WhoProcess(scan: scan).find(Int32(process))
      } else {
        [try WhoAddress(scan: scan).find(words[0])]
      }
    if json { return try JSONOutput.print(Document(objects: found, unreadable: scan.unreadable)) }
    if let process { show(found, of: Int32(process)) } else { show(found[0]) }
    if scan.unreadable > 0 {
      Terminal.print(
        Terminal.layout.wrapped(
          "\(ProcessText.count(scan.unreadable)) of other users couldn't be looked at: they may be at an end too."
        )
      )
    }
  }

  /// PATH_MAX, and what stands around a path.
  private static let mostBytes = 4200

  private static let legend = [
    ("role", "sender or receiver; attached: it has the object open, and the kernel doesn't say for what"),
    ("since", "when the process began"),
    (
      "blocked in",
      "the system call that the thread which uses this end waits in, as far as the call's arguments tell, or else the first thread; empty: it runs, or can't be looked at"
    ),
    ("fds", "the descriptors by which the process has this end"),
  ]

  private static func show(_ found: EndpointsFound) {
    let layout = Terminal.layout
    let ids = found.ids.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.text)" }
    Terminal.print(
      layout.wrapped(
        PlainText.short(found.name) + (ids.isEmpty ? "" : ": " + ids.joined(separator: ", "))))
    for remark in found.remarks { Terminal.print(layout.wrapped(remark)) }
    guard !found.holders.isEmpty else {
      return Terminal.print(layout.wrapped("no process that could be looked at has it open"))
    }
    var table = Table(
      [
        ("role", .left), ("process", .right), ("command", .left), ("user", .left), ("since", .left),
        ("blocked in", .left), ("fds", .left),
      ], leastImportant: ["fds", "since", "user"], keys: 2)
    for holder in found.holders {
      table.add([
        holder.role, "\(holder.process)", PlainText.short(holder.command),
        PlainText.short(holder.user ?? "\(holder.uid)"), holder.since, holder.blockedIn ?? "",
        ProcessText.ids(holder.descriptors),
      ])
    }
    Terminal.print("\n\(table.text(layout))\n")
    let shown = legend.filter { table.shows($0.0, layout) }
    Terminal.print(layout.wrapped(shown.map { "\($0.0): \($0.1)." }.joined(separator: "\n")))
  }

  private static func show(_ found: [EndpointsFound], of process: Int32) {
    let layout = Terminal.layout
    let command = PlainText.short(ProcessFiles.status(process)?.command ?? "")
    Terminal.print(layout.wrapped("process \(process), \(command)\n"))
    guard !found.isEmpty else { return Terminal.print(layout.wrapped("it has no pipe, FIFO or socket")) }
    var table = Table(
      [
        ("fd", .right), ("kind", .left), ("access", .left), ("other end", .left), ("blocked in", .left),
        ("name", .left),
      ], leastImportant: ["name", "blocked in"], keys: 2)
    for object in found {
      // Names shorter than a table can hold are worth more than whole ones.
      let ends = object.holders.map { "\(PlainText.short($0.command)) \($0.process)" }
      let calls = object.holders.map { $0.blockedIn ?? "-" }
      let most = 3
      let more = ends.count > most ? " and \(ends.count - most) more" : ""
      table.add([
        object.descriptor.map { "\($0)" } ?? "", object.mechanism,
        object.remarks.contains("listens") ? "listens" : object.access ?? "",
        ends.prefix(most).joined(separator: ", ") + more, calls.prefix(most).joined(separator: ", "),
        PlainText.short(object.name),
      ])
    }
    Terminal.print("\(table.text(layout))\n")
    let legend = [
      ("fd", "the descriptor."),
      ("access", "what the process can do with it."),
      ("other end", "the processes there; empty: none that could be looked at, or on another machine."),
      ("blocked in", "the system call that each of them waits in."),
      ("name", "the path, the kernel's number, or the two addresses of a connection."),
    ]
    let shown = legend.filter { table.shows($0.0, layout) }
    Terminal.print(layout.wrapped(shown.map { "\($0.0): \($0.1)" }.joined(separator: "\n")))
  }
}
