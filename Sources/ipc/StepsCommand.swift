import Benchmarking

/// `ipc bench steps`: what one step of each model of concurrency costs.
enum StepsCommand: Command {
  static let name = "steps"
  static let summary =
    "what one step of each model of concurrency costs, up to an actor's call over each mechanism"
  static let example = "ipc bench steps --step generator-send,select"
  static let usage = "ipc bench steps [--step NAME,…] [--repeats N] [--seconds S] [--seed N] [--json]"
  static let details = """
    Measures one step of each model of concurrency: the time that a model itself takes, when nothing has to be waited
    for. The steps named runtime-… are what Swift's runtime alone takes, without a channel or a scheduler of this
    package: the least that such a step can cost in Swift. A channel's round trip holds two suspensions, as
    runtime-round-trip, and as runtime-cancellable with what makes each of them end when its task is cancelled; a
    task on the scheduler holds runtime-task-in-turn.

      --step        the steps, by their names below (all)
      --repeats N   how many times each is measured (7)
      --seconds S   how long each repeat measures each step (0.1)
      --seed N      the order of the measurements, and the intervals (1)
      --json        one JSON document

    Steps:
    \(HelpText.list(StepsReport.list.map { ($0.name, $0.what) }))
    """

  static func run(_ arguments: inout Arguments) throws {
    let words = try arguments.value("--step")
    let repeats = try arguments.number("--repeats", 1...1000) ?? 7
    let seconds = try arguments.seconds("--seconds") ?? 0.1
    let seed = try arguments.number("--seed", 0...Int.max) ?? 1
    let json = arguments.flag("--json")
    try arguments.end()
    let names = try words.map { text in
      try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
        guard StepsReport.names.contains(String(word)) else {
          throw Failure.unknown("step", word, StepsReport.names)
        }
        return String(word)
      }
    }
    let report: StepsReport
    do {
      report = try StepsReport.measure(
        names ?? StepsReport.names, repeats: repeats, seconds: seconds, seed: UInt64(seed)
      ) { Terminal.progress($0) }
    } catch {
      Terminal.endProgress()
      throw Failure.work("\(error)")
    }
    Terminal.endProgress()
    if json { return try JSONOutput.print(report) }
    Terminal.print(report.table(Terminal.layout))
  }
}
