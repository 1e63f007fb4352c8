/// A command of the tool, or a subcommand of one: a type in a file of its own, and a line in ``Commands/all`` or in
/// ``subcommands`` of its command.
protocol Command: SendableMetatype {
  /// The word that chooses it.
  static var name: String { get }
  /// One line for the list of commands.
  static var summary: String { get }
  /// Calls that show what it is for, one per line.
  static var example: String { get }
  /// How it is called, one line per form.
  static var usage: String { get }
  /// What it does, and its options.
  static var details: String { get }
  /// The commands that its first argument can choose.
  static var subcommands: [any Command.Type] { get }
  /// Whether it begins with the removal of what killed processes have left.
  static var removesLeftovers: Bool { get }
  /// The example for a call with these words.
  static func example(for words: [String]) -> String
  static func run(_ arguments: inout Arguments) throws
}

extension Command {
  static var subcommands: [any Command.Type] { [] }

  static var removesLeftovers: Bool { true }

  static func example(for words: [String]) -> String { example }

  /// What `--help` prints beside these words.
  static func help(for words: [String] = []) -> String {
    """
    example: \(indented(example(for: words)))

    usage: \(indented(usage, by: 7))

    \(details)
    """
  }

  private static func indented(_ lines: String, by width: Int = 9) -> String {
    lines.split(separator: "\n").joined(separator: "\n" + String(repeating: " ", count: width))
  }
}

/// Lists for help texts.
enum HelpText {
  /// Names and summaries, in two columns.
  static func list(_ rows: [(name: String, summary: String)], indent: Int = 2, width: Int = 13) -> String {
    let width = max(width, 2 + (rows.map(\.name.count).max() ?? 0))
    return rows.map { row in
      let space = String(repeating: " ", count: width - row.name.count)
      return String(repeating: " ", count: indent) + row.name + space + row.summary
    }.joined(separator: "\n")
  }

  static func list(_ commands: [any Command.Type]) -> String {
    list(commands.map { ($0.name, $0.summary) })
  }
}
