import Demos
import SystemCalls

/// `ipc demo NAME…`: a mechanism explained by two processes, or a model of concurrency explained by one.
enum DemoCommand: Command {
  static let name = "demo"
  static let summary = "what each mechanism is, shown by two processes, and each model of concurrency in one"
  static let example = "ipc demo pipe"
  static let usage = """
    ipc demo NAME… | --all | --json
    ipc demo NAME --trace [--html FILE] [--perfetto FILE] [--limit N]
    """
  static let details = """
    Runs a demo: two processes, or the tasks of one, print what they do. Each is one short file in Demos/.
    Several run in turn, each under a heading; the first that fails ends it, with exit code 1.
    Without a name: lists the demos on standard error, with exit code 2.

      --all     runs every demo in turn
      --trace   shows what the demo's processes do on their channels, as lanes over time, beside its words; with
                the options of ipc trace
      --json    runs nothing: prints the list of demos as one JSON document. A demo itself prints text only,
                so --json can't be combined with NAME or --all

    \(list)
    """

  private static var list: String { HelpText.list(DemoCatalogue.all.map { ($0.name, $0.summary) }) }

  /// `ipc demo select --help`: that demo's.
  static func example(for words: [String]) -> String {
    words.first(where: names.contains).map { "ipc demo \($0)" } ?? example
  }

  private struct Row: Encodable {
    let name: String
    let summary: String
  }

  static func run(_ arguments: inout Arguments) throws {
    if arguments.flag("--trace") { return try trace(&arguments) }
    let runsAll = arguments.flag("--all")
    let json = arguments.flag("--json")
    let words = try arguments.rest()
    guard [runsAll, json, !words.isEmpty].count(where: { $0 }) < 2 else {
      throw Failure.call("demo: give a demo's name, --all or --json, only one of them")
    }
    if json { return try JSONOutput.print(DemoCatalogue.all.map { Row(name: $0.name, summary: $0.summary) }) }
    Interruption.cleanUpDemos()
    if runsAll { return try run(DemoCatalogue.all) }
    guard !words.isEmpty else {
      Terminal.note("ipc demo NAME runs one of these:\n\n\(list)")
      throw Failure(kind: .call, message: "")
    }
    // All of them are known before the first one runs.
    let demos = try words.map { try demo(named: $0) }
    if demos.count == 1 { try demos[0].run() } else { try run(demos) }
  }

  /// What the demo says stands in the lanes.
  private static func trace(_ arguments: inout Arguments) throws {
    let options = try TraceCommand.Options(&arguments)
    let words = try arguments.rest()
    guard words.count == 1 else {
      throw Failure.call("demo --trace: give one demo's name, as in \(example) --trace")
    }
    let demo = try demo(named: words[0])
    try TraceCommand.show(
      TraceSession.run(
        [Processes.executable, name, demo.name], limit: options.most, payload: options.payload, output: .none,
        title: "ipc demo \(demo.name)"), options)
  }

  private static var names: [String] { DemoCatalogue.all.map { $0.name } }

  static func demo(named name: String) throws -> any Demo.Type {
    guard let demo = DemoCatalogue.all.first(where: { $0.name == name }) else {
      throw Failure.unknown("demo", name, names)
    }
    return demo
  }

  /// Runs demos in turn, each under a heading; the first that fails ends it.
  private static func run(_ demos: [any Demo.Type]) throws {
    for (index, demo) in demos.enumerated() {
      Terminal.print("\(index == 0 ? "" : "\n")== \(demo.name): \(demo.summary)")
      do {
        try demo.run()
      } catch {
        throw Failure.work("demo \(demo.name) failed: \(error)")
      }
    }
  }
}
