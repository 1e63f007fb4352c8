import Benchmarking
import IPC
import SystemCalls

/// `ipc bench`: what each mechanism costs on this machine.
enum BenchCommand: Command {
  static let name = "bench"
  static let summary = "what each mechanism costs on this machine"
  static let help = ""
  static let partArgument = "--bench-part"

  static func run(_ arguments: inout Arguments) throws {
    let names = try arguments.value("--mechanism") ?? "all"
    let mechanisms = try names.split(separator: ",").flatMap {
      $0 == "all" ? Mechanism.all : [try Mechanism(named: String($0))]
    }
    let sizes = try (arguments.value("--size") ?? "64").split(separator: ",").map {
      ChannelOptions.bytes(String($0))!
    }
    let waits = try (arguments.value("--wait") ?? "block").split(separator: ",").map {
      WaitStrategy(rawValue: String($0))!
    }
    let modes = try (arguments.value("--mode") ?? "each").split(separator: ",").map {
      SendMode(rawValue: String($0))!
    }
    let processes = try arguments.number("--processes", 1...64) ?? 2
    let repeats = try arguments.number("--repeats", 1...100) ?? 5
    let seconds = Double(try arguments.value("--seconds") ?? "0.2")!
    let json = arguments.flag("--json")
    let workload = Workload(rawValue: try arguments.rest().first ?? "latency")!
    let choice = BenchmarkChoice(
      workloads: [workload], mechanisms: mechanisms, mechanismsAreNamed: names != "all", sizes: sizes,
      sizesAreNamed: true, waits: waits, modes: modes, processes: processes, rate: nil)
    let (cases, left) = try choice.cases()
    var plan = BenchmarkPlan(
      cases: cases, repeats: repeats, seconds: seconds, cpus: [0, 1], raw: true, seed: 1,
      partArguments: [partArgument])
    plan.leftOut = left
    let report = try Benchmark(plan, tool: "x", watch: BenchmarkWatch()).run {
      Terminal.progress("\($0.done)/\($0.total) \($0.label)")
    }
    if json { return try JSONOutput.print(report) }
    for r in report.results {
      let ns = r.nanosecondsEach
      Terminal.print(
        "\(r.workload.rawValue) \(r.mechanism) \(r.wait.rawValue) \(Figure.size(r.size)) \(r.mode.rawValue) each \(Figure.time(nanoseconds: ns)) rate \(Figure.rate(r.figures.messagesPerSecond.median)) raw \(Figure.time(nanoseconds: Statistics.median(r.rawEach ?? []))) ratio \(r.rawRatio.map { "\(Figure.fixed($0.median, 3)) [\(Figure.fixed($0.low, 3)) \(Figure.fixed($0.high, 3))]" } ?? "") cpu \(Figure.short(r.figures.cpuMicroseconds)) sw \(Figure.short(r.figures.switches)) copy \(Figure.time(nanoseconds: r.copyNanoseconds ?? 0)) line \(r.cacheLine.map { Figure.short($0.median) } ?? "")"
      )
    }
    Terminal.print("line \(report.cacheLine?.median ?? 0) took \(report.method.secondsTaken)")
  }
}
