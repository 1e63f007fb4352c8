import Benchmarking
import SystemCalls

/// `ipc bench steps`: what one step of each model of concurrency costs.
enum StepsCommand {
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
          throw Failure.call("no step \"\(word)\": there are \(StepsReport.names.joined(separator: ", "))")
        }
        return String(word)
      }
    }
    // Nothing of it outlives the process.
    try? Interrupts.handle { _ in
      Terminal.endProgress()
      Processes.exitNow(Failure.Kind.interrupted.rawValue)
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
    Terminal.print(report.table)
  }
}
