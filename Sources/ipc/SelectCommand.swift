import Benchmarking
import IPC
import Measurement
import SystemCalls

/// `ipc bench select`: whether a select is fair to a channel of each mechanism, under load from all.
enum SelectCommand {
  static func run(_ arguments: inout Arguments) throws {
    let chosen = try arguments.mechanisms()?.list
    let seconds = try arguments.seconds("--seconds") ?? 10
    let json = arguments.flag("--json")
    try arguments.end()
    let mechanisms = chosen ?? Mechanism.all
    for mechanism in mechanisms where mechanism.traits.carries != .messages || !mechanism.traits.anonymous {
      throw Failure.call(
        "--mechanism \(mechanism) carries no numbers: choose one that carries messages, such as memory")
    }
    let interrupted = Interrupted()
    try? Interrupts.handle { _ in
      // A second time: at once. The senders die with this process.
      if interrupted.isSet { Processes.exitNow(Failure.Kind.interrupted.rawValue) }
      interrupted.set()
    }
    let report: SelectReport
    do {
      report = try SelectRun.measure(mechanisms, seconds: seconds) { done in
        Terminal.progress("\(Figure.fixed(done, 1)) of \(Figure.short(seconds)) s")
      } isOver: {
        interrupted.isSet
      }
    } catch {
      Terminal.endProgress()
      throw interrupted.isSet ? Failure.interrupted : Failure.work("\(error)")
    }
    Terminal.endProgress()
    if json { try JSONOutput.print(report) } else { Terminal.print(report.table) }
    if interrupted.isSet { throw Failure.interrupted }
    if !report.isFair { throw Failure.work("the select wasn't fair: that is a bug, please report it") }
  }
}
