import Benchmarking
import IPC
import Measurement

/// `ipc bench select`: whether a select is fair to a channel of each mechanism, all of them under load.
enum SelectCommand: Command {
  static let name = "select"
  static let summary = "whether one select is fair to a channel of each mechanism, all of them full"
  static let example = "ipc bench select --mechanism pipe,memory --seconds 3"
  static let usage = "ipc bench select [--mechanism NAME,…|all] [--seconds S] [--json]"
  static let details = """
    One task selects over a channel of each mechanism and a timer, while a process sends to each channel as fast as it
    can. Fair means: every channel has at least half of what the mean channel has, and no message is lost or duplicated.

      --mechanism   the mechanisms (all)
      --seconds S   how long (10)
      --json        one JSON document
    """

  static func run(_ arguments: inout Arguments) throws {
    let chosen = try arguments.mechanisms(offering: { $0.carriesJobs })?.list
    let seconds = try arguments.seconds("--seconds") ?? 10
    let json = arguments.flag("--json")
    try arguments.end()
    let mechanisms = chosen ?? Mechanism.all
    for mechanism in mechanisms where !mechanism.carriesJobs {
      throw Failure.call(
        "--mechanism \(mechanism) can't carry the numbers: choose one that carries messages, such as memory")
    }
    let interrupted = InterruptFlag()
    // The second time it ends at once: the senders die with this process.
    try Interruption.handle { interrupted.set() }
    let report: SelectReport
    do {
      report = try SelectBenchmark.measure(mechanisms, seconds: seconds) { done in
        Terminal.progress("\(Figure.fixed(done, 1)) of \(Figure.short(seconds)) s")
      } isOver: {
        interrupted.isSet
      }
    } catch {
      Terminal.endProgress()
      throw interrupted.isSet ? Failure.interrupted : Failure.work("\(error)")
    }
    Terminal.endProgress()
    if json { try JSONOutput.print(report) } else { Terminal.print(report.table(Terminal.layout)) }
    if interrupted.isSet { throw Failure.interrupted }
    if !report.isFair { throw Failure.work("the select wasn't fair: this is a bug, please report it") }
  }
}
