import Benchmarking
import IPC
import Measurement

/// `ipc mechanisms`: every mechanism, and the limits of this machine.
enum MechanismsCommand: Command {
  static let name = "mechanisms"
  static let summary = "every mechanism, and the limits of this machine"
  static let example = """
    ipc mechanisms
    ipc mechanisms pipe memory
    """
  static let usage = "ipc mechanisms [NAME…] [--json]"
  static let details = """
    Lists every mechanism, or those named: the form of its addresses, what it can do, its system calls, and the limits
    that this machine's kernel sets.

      --json    one JSON document, with everything that a mechanism declares
    """

  private struct Row: Encodable {
    struct Limit: Encodable {
      let name: String
      let value: Int
      let unit: String
    }

    let name: String
    let isVariant: Bool
    let summary: String
    let address: String
    /// The calls that carry a message, for the table.
    let messageCalls: [String]
    /// All calls, by phase.
    let phases: [(name: String, calls: [String])]
    let calls: [String]
    let carries: String
    let manySenders: Bool
    let manyReceivers: Bool
    let anonymous: Bool
    let named: Bool
    let crossesMachines: Bool
    let caveat: String
    let limits: [Limit]

    enum CodingKeys: String, CodingKey {
      case name
      case isVariant = "variant"
      case summary, address, calls, carries
      case manySenders = "many_senders"
      case manyReceivers = "many_receivers"
      case anonymous, named
      case crossesMachines = "crosses_machines"
      case caveat, limits
    }

    init(_ mechanism: Mechanism, isVariant: Bool) {
      let traits = mechanism.traits
      name = mechanism.name
      self.isVariant = isVariant
      summary = traits.summary
      address = traits.addressForm
      let calls = traits.systemCalls
      messageCalls = calls.send + calls.receive.filter { !calls.send.contains($0) }
      phases = [
        ("open", calls.open), ("send", calls.send), ("receive", calls.receive), ("wait", calls.wait),
        ("close", calls.close),
      ]
      self.calls = calls.all
      // A command reads and writes text, unless its address says otherwise.
      carries = traits.peerIsCommand ? "lines" : traits.carries.rawValue
      manySenders = traits.manySenders
      manyReceivers = traits.manyReceivers
      anonymous = traits.anonymous
      named = traits.named
      crossesMachines = traits.crossesMachines
      caveat = traits.caveat
      limits = mechanism.limits.map { Limit(name: $0.name, value: $0.value, unit: $0.unit) }
    }
  }

  static func run(_ arguments: inout Arguments) throws {
    let json = arguments.flag("--json")
    let named = try arguments.rest().map { word throws(ChannelError) in try Mechanism(named: word) }
    let all =
      Mechanism.all.map { Row($0, isVariant: false) } + Mechanism.variants.map { Row($0, isVariant: true) }
    let rows = named.isEmpty ? all : all.filter { row in named.contains { $0.name == row.name } }
    if json { return try JSONOutput.print(rows) }
    var table = Table(
      [
        ("mechanism", .left), ("address", .left), ("carries", .left), ("senders", .left),
        ("receivers", .left),
        ("calls", .left),
      ], leastImportant: ["calls", "address"])
    for row in rows {
      table.add([
        row.name, row.address, row.carries, row.manySenders ? "many" : "one",
        row.manyReceivers ? "many" : "one",
        row.messageCalls.joined(separator: " "),
      ])
    }
    let layout = Terminal.layout
    Terminal.print(
      """
      \(table.text(layout))

      """)
    var legend = ["carries: \(kinds(rows))."]
    legend.append("senders, receivers: how many a channel can have.")
    if table.shows("calls", layout) {
      legend.append(
        "calls: the system calls that carry a message; below each mechanism stand all that its channels make, as strace(1) names them."
      )
    }
    Terminal.print(layout.wrapped(legend.joined(separator: "\n") + "\n"))
    for row in rows {
      Terminal.print(layout.wrapped("\(row.name): \(row.summary)"))
      if !row.caveat.isEmpty { Terminal.print(layout.wrapped("  note: \(row.caveat)")) }
      let limits = row.limits.map { "\($0.name) \(Figure.grouped($0.value)) \($0.unit)" }
      if !limits.isEmpty {
        Terminal.print(layout.wrapped("  limits here: \(limits.joined(separator: ", "))"))
      }
      for phase in row.phases { Terminal.print(wrapped(phase.calls, after: "  \(phase.name):")) }
    }
  }

  /// What those that are listed carry.
  private static func kinds(_ rows: [Row]) -> String {
    let words = [
      ("messages", "messages of any size"), ("tokens", "tokens (messages without bytes)"),
      ("integers", "integers of four bytes"),
      ("lines", "lines of text (or messages of any size, with ?framing=frames)"),
    ]
    let listed = words.filter { word in rows.contains { $0.carries == word.0 } }.map(\.1)
    guard listed.count > 1, let last = listed.last else { return listed.first ?? "" }
    return listed.dropLast().joined(separator: ", ") + ", or " + last
  }

  private static let width = min(100, Terminal.layout.width ?? 100)

  /// Words behind a heading, in lines that are no longer than ``width``.
  private static func wrapped(_ words: [String], after heading: String) -> String {
    let indent = heading.count + 1
    var lines = [heading]
    for word in words {
      if lines[lines.count - 1].count + 1 + word.count > width {
        lines.append(String(repeating: " ", count: indent - 1))
      }
      lines[lines.count - 1] += " " + word
    }
    return lines.joined(separator: "\n")
  }
}
