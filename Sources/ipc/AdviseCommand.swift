import Benchmarking
import IPC

/// `ipc bench advise`: which mechanism to use here.
enum AdviseCommand {
  static func run(_ arguments: inout Arguments) throws {
    guard let sizeText = try arguments.value("--size"), let size = ChannelOptions.bytes(sizeText),
      size <= BenchmarkCase.largestSize
    else { throw Failure.call("advise wants the size of your messages: --size 4K (up to 16M)") }
    guard let word = try arguments.choice("--pattern", Advice.Pattern.allCases.map(\.rawValue)),
      let pattern = Advice.Pattern(rawValue: word)
    else {
      throw Failure.call("advise wants to know how your processes talk: --pattern stream, request or jobs")
    }
    let processes = try arguments.number("--processes", 2...64) ?? 2
    let crosses = try arguments.choice("--crosses", ["machines"]) != nil
    let pin = try arguments.value("--pin")
    let seed = try arguments.number("--seed", 0...Int.max) ?? 1
    let json = arguments.flag("--json")
    try arguments.end()

    let workload = pattern.workload(processes: processes)
    let cases = Mechanism.all.filter { !crosses || $0.traits.crossesMachines }.map { mechanism in
      // As the library waits where nobody says otherwise.
      BenchmarkCase(
        workload, mechanism, wait: .adaptive, size: size,
        processes: workload == .jobs || workload == .fanIn ? max(1, processes - 1) : 2)
    }
    let possible = cases.filter { $0.obstacle == nil }
    guard !possible.isEmpty else {
      throw Failure.call(cases.first?.obstacle ?? "no mechanism can do that")
    }
    let plan = BenchmarkPlan(
      cases: possible, repeats: 5, seconds: 0.15, cpus: try BenchOptions.cpus(pin), raw: false,
      seed: UInt64(seed),
      partArguments: [BenchCommand.partArgument])
    let report = try BenchSession.measure(plan)
    guard let advice = Advice(pattern, size: size, report.results, crossesMachines: crosses) else {
      throw Failure.work("nothing was measured")
    }
    if json { return try JSONOutput.print(advice) }
    Terminal.print(advice.text)
    let left = cases.filter { $0.obstacle != nil }
    if !left.isEmpty {
      Terminal.print("  not measured: \(left.compactMap(\.obstacle).joined(separator: "; "))")
    }
  }
}
