import Benchmarking
import IPC

/// `ipc bench advise`: which mechanism to use on this machine.
enum AdviseCommand: Command {
  static let name = "advise"
  static let summary = "which mechanism to use here, and why"
  static let example = "ipc bench advise --size 4K --pattern request"
  static let usage = """
    ipc bench advise --size SIZE --pattern stream|request|jobs [--processes N] [--crosses machines] [--pin CPUS|none]
                     [--seed N] [--json]
    """
  static let details = """
    Measures every mechanism that can do what you need, on this machine, and recommends one.

      --size SIZE      the size of your messages, such as 4K, up to 16M
      --pattern        stream: messages one way; request: requests and replies; jobs: a coordinator and workers
      --processes N    how many processes communicate (2)
      --crosses        machines: only mechanisms that reach another machine
      --pin CPUS       the CPUs of the processes (the first two), or none
      --seed N         the order of the measurements, and the intervals (1)
      --json           one JSON document
    """

  /// As many as can tell seven mechanisms apart, and a few more.
  private static let repeats = 12
  private static let seconds = 0.07

  static func run(_ arguments: inout Arguments) throws {
    let sizeText = try arguments.value("--size")
    let word = try arguments.choice("--pattern", Advice.Pattern.allCases.map(\.rawValue))
    let processes = try arguments.number("--processes", 2...64) ?? 2
    let crosses = try arguments.choice("--crosses", ["machines"]) != nil
    let pin = try arguments.value("--pin")
    let seed = try arguments.number("--seed", 0...Int.max) ?? 1
    let json = arguments.flag("--json")
    // A misspelt option is told before one that is missing for it.
    try arguments.end()
    guard let size = sizeText.flatMap({ ChannelOptions.bytes($0) }), size <= BenchmarkCase.largestSize else {
      throw Failure.call("advise needs the size of your messages: --size 4K (up to 16M)")
    }
    guard let pattern = word.flatMap({ Advice.Pattern(rawValue: $0) }) else {
      throw Failure.call(
        "advise needs to know how your processes communicate: --pattern stream, request or jobs")
    }

    let workload = pattern.workload(processes: processes)
    let cases = Mechanism.all.filter { !crosses || $0.traits.crossesMachines }.map { mechanism in
      // The library's default wait strategy.
      BenchmarkCase(
        workload, mechanism, wait: .adaptive, size: size,
        processes: workload.takesProcesses ? max(1, processes - 1) : 2)
    }
    let possible = cases.filter { $0.obstacle == nil }
    guard !possible.isEmpty else {
      throw Failure.call(cases.first?.obstacle ?? "no mechanism can do this")
    }
    let plan = BenchmarkPlan(
      cases: possible, repeats: repeats, seconds: seconds, cpus: try BenchOptions.cpus(pin), raw: false,
      seed: UInt64(seed),
      processArguments: [BenchmarkExchangeProcess.argument])
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
