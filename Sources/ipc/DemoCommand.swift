import Demos

/// `ipc demo NAME`: what a mechanism is, in a conversation of two processes, and a model of concurrency, in one.
enum DemoCommand: Command {
  static let name = "demo"
  static let summary = "what each mechanism is, shown by two processes, and each model of concurrency in one"
  static let help = """
    ipc demo NAME

    Runs a demo: two processes, or the tasks of one, say what they do. Each is one short file in Demos/.

    \(DemoCatalogue.all.map { "  " + CommandLineTool.pad($0.name, 12) + $0.summary }.joined(separator: "\n"))

    example: ipc demo pipe
    """

  static func run(_ arguments: inout Arguments) throws {
    let words = try arguments.rest()
    let names = DemoCatalogue.all.map { $0.name }.joined(separator: ", ")
    guard let first = words.first else { throw Failure.call("a demo's name is missing: there are \(names)") }
    guard let demo = DemoCatalogue.all.first(where: { $0.name == first }) else {
      throw Failure.call("no demo \"\(first)\": there are \(names)")
    }
    // The other process of a demo is this program again, with a word behind the name.
    if words.count > 1 { try demo.other(words[1]) } else { try demo.run() }
  }
}
