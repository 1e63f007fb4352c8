import IPC
import Measurement
import SystemCalls

/// `ipc list`: what exists.
enum ListCommand: Command {
  static let name = "list"
  static let summary = "what exists: channels, and the kernel objects of other programs"
  static let example = """
    ipc list
    ipc list --json
    """
  static let usage = "ipc list [--json]"
  static let removesLeftovers = false
  static let details = """
    Lists every channel that the registry records, also what killed processes have left there: it lies in
    $IPC_RUNTIME_DIRECTORY, or $XDG_RUNTIME_DIR/swift-ipc, or /tmp/swift-ipc-UID. Then every System V object and POSIX
    queue that it doesn't record: those of other programs. Changes nothing; ipc clean removes what is dead.

      --json    one JSON document
    """

  private struct Document: Encodable {
    let objects: [ObjectRow]
    let directory: String
    let unreadable: Int

    enum CodingKeys: String, CodingKey {
      case objects, directory
      case unreadable = "processes_not_looked_at"
    }
  }

  static func run(_ arguments: inout Arguments) throws {
    let json = arguments.flag("--json")
    try arguments.end()
    let scan = ProcessScan()
    var failure: ChannelError?
    let objects = ExistingObject.all(scan) { failure = $0 }
    if json {
      try JSONOutput.print(
        Document(
          objects: objects.map { ObjectRow($0) }, directory: RegistryDirectory.path,
          unreadable: scan.unreadable))
    } else {
      show(objects, scan)
    }
    if let failure { throw failure }
  }

  private static let columns: [(header: String, alignment: Table.Alignment)] = [
    ("object", .left), ("mechanism", .left), ("state", .left), ("bytes", .right), ("depth", .right),
    ("age", .right), ("owner", .left), ("attached", .left), ("ids", .left),
  ]

  private static func show(_ objects: [ExistingObject], _ scan: ProcessScan) {
    let layout = Terminal.layout
    guard !objects.isEmpty else {
      return Terminal.print(
        layout.wrapped("nothing: no channel with a name, and no System V object or POSIX queue"))
    }
    let entries = objects.filter(\.isEntry), others = objects.filter { !$0.isEntry }
    if !entries.isEmpty {
      Terminal.print(
        layout.wrapped("channels, recorded in \(PlainText.shown(RegistryDirectory.path))") + "\n")
      Terminal.print(table(entries).text(layout) + "\n")
      for object in entries where !object.remarks.isEmpty { Terminal.print(remark(object, layout)) }
    }
    if !others.isEmpty {
      Terminal.print(
        layout.wrapped("of other programs: no entry records them, and ipc clean removes them only by name")
          + "\n")
      Terminal.print(table(others).text(layout) + "\n")
      for object in others where !object.remarks.isEmpty { Terminal.print(remark(object, layout)) }
    }
    var legend = legend(layout, table(entries.isEmpty ? others : entries), objects)
    if scan.unreadable > 0 {
      legend.append(
        "\(ProcessText.count(scan.unreadable)) of other users couldn't be looked at: they may have these attached too."
      )
    }
    Terminal.print(layout.wrapped(legend.joined(separator: "\n")))
  }

  private static func remark(_ object: ExistingObject, _ layout: TextLayout) -> String {
    layout.wrapped("\(PlainText.short(object.name)): \(object.remarks.joined(separator: "; "))")
  }

  private static func table(_ objects: [ExistingObject]) -> Table {
    var table = Table(columns, leastImportant: ["ids", "bytes", "mechanism", "age", "depth", "owner"])
    for object in objects {
      table.add([
        PlainText.short(object.name), object.mechanism ?? "", object.state,
        object.bytes.map { Figure.bytes($0) } ?? "", object.depth.map { Figure.grouped($0) } ?? "",
        object.seconds.map { Age.text(seconds: $0) } ?? "", object.owner.text,
        ProcessText.ids(object.attached),
        object.ids.map { "\($0.key) \($0.value.text)" }.joined(separator: ", "),
      ])
    }
    return table
  }

  private static func legend(
    _ layout: TextLayout, _ table: Table, _ objects: [ExistingObject]
  ) -> [String] {
    let states = [
      ("alive", "processes have it open"),
      ("opening", "a process opens or closes it just now"),
      ("dead", "no process has it: ipc clean removes it"),
      ("elsewhere", "its kernel objects are in another IPC namespace: run ipc clean there"),
      ("no entry", "not made by this library: it isn't touched"),
      ("unused", "no process has it open"),
      ("unknown", "the kernel doesn't say which processes use it"),
    ]
    let shown = states.filter { state in objects.contains { $0.state == state.0 } }
    let legend = [
      (
        "object",
        "the address of a channel, anonymous:KEY of one without a name; what ipc clean and ipc who take"
      ),
      ("mechanism", "what it is, or what the channel is over"),
      ("state", shown.map { "\($0.0): \($0.1)" }.joined(separator: "; ")),
      ("bytes", "of its memory, and of the messages that wait in a queue"),
      ("depth", "messages that wait, used slots or tokens; empty: the kernel doesn't count them"),
      ("age", "since it was made"),
      ("owner", "the user, and the process that made it where that lives and the kernel tells"),
      ("attached", "the processes that have it open"),
      ("ids", "the kernel's, as ipcs shows them"),
    ]
    return legend.filter { table.shows($0.0, layout) }.map { "\($0.0): \($0.1)." }
  }
}

/// Processes in words.
enum ProcessText {
  private static let most = 6

  /// Their ids, and how many more there are.
  static func ids(_ ids: [Int32]) -> String {
    let shown = ids.prefix(most).map(String.init).joined(separator: " ")
    return ids.count <= most ? shown : shown + " and \(ids.count - most) more"
  }

  static func count(_ count: Int) -> String { count == 1 ? "1 process" : "\(count) processes" }
}
