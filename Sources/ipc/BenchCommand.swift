import Benchmarking
import IPC
import SystemCalls

/// `ipc bench`: what each mechanism costs on this machine.
enum BenchCommand: Command {
  static let name = "bench"
  static let summary = "what each mechanism costs on this machine"
  static let help = """
    ipc bench [latency|throughput|fan-in|fan-out|jobs|wake|all] [--mechanism NAME,…|all] [--size 64,1K,64K,1M]
              [--wait block|spin|adaptive,…] [--mode each|batched|in-place,…] [--processes N] [--pin 0,1|none]
              [--repeats N] [--seconds S] [--rate N] [--raw] [--quick] [--seed N]
              [--json|--csv|--markdown] [--html FILE] [--crawl CRAWL.json] [--compare EARLIER.json]
    ipc bench steps [--step NAME,…] [--repeats N] [--seconds S] [--seed S] [--json]
    ipc bench select [--mechanism NAME,…|all] [--seconds S] [--json]
    ipc bench advise --size 4K --pattern stream|request|jobs [--processes N] [--crosses machines] [--json]

    Measures each mechanism between processes of its own, and beside it, in turn and in the same minute, the same
    exchange in plain C (raw), so that what the library itself costs is a ratio and not an opinion. Without a
    workload: the quick set, in under three minutes.

    \(Workload.allCases.map { "  " + CommandLineTool.pad($0.rawValue, 13) + $0.summary }.joined(separator: "\n"))
      all          all of them
      steps        what one step of each model of concurrency costs, up to an actor's call over each mechanism
      select       whether one select is fair to a channel of each mechanism, all of them full (10 s)
      advise       which mechanism to use here, and why

      --mechanism   \(Mechanism.all.map(\.name).joined(separator: ", ")): all of them (all), or those named;
                    also \(Mechanism.variants.map(\.name).joined(separator: ", "))
      --size        bytes of a message, 0 to 16M (64)
      --wait        what a side does while it can't go on (block; latency: block,spin)
      --mode        one message per call, as many as fit one call, or written and read in shared memory (each)
      --processes N senders of a fan-in, receivers of a fan-out, workers of jobs (2)
      --pin         the CPUs of the two processes (the first two), or none
      --repeats N   each with fresh processes (5)
      --seconds S   how long each repeat measures each contestant (0.25)
      --rate N      latency: so many messages a second at fixed instants, timed from the instant meant
      --raw         plain C beside it (always in the quick set and in all)
      --seed N      the order of the measurements, and the intervals (1)
      --html FILE   the report as one file for a browser; --crawl adds what ipc crawl --json printed
      --compare     against an earlier run's --json: what differs by more than the noise of both

    Exit codes: 0 done, 1 a message was lost, doubled or damaged, 2 the call was wrong, 130 interrupted.

    example: ipc bench latency --mechanism pipe,unix,memory --size 64,4K --wait block,spin --raw
    """

  /// What the processes of a measurement are started with.
  static let partArgument = "--bench-part"

  static func run(_ arguments: inout Arguments) throws {
    if arguments.takesWord("steps") { return try StepsCommand.run(&arguments) }
    if arguments.takesWord("select") { return try SelectCommand.run(&arguments) }
    if arguments.takesWord("advise") { return try AdviseCommand.run(&arguments) }
    let options = try BenchOptions(&arguments)
    let report = try BenchSession.measure(options.plan)
    let comparison = options.earlier.map { Comparison(report, $0) }
    switch options.format {
    case .json: try JSONOutput.print(report)
    case .csv: Terminal.print(CSVReport.text(report))
    case .markdown: Terminal.print(MarkdownReport.text(report))
    case .table: Terminal.print(TableReport.text(report, color: Terminal.hasColor))
    }
    if let comparison {
      // Beside a document it is for people.
      if options.format == .table { Terminal.print(comparison.text) } else { Terminal.note(comparison.text) }
    }
    if let html = options.html {
      try html.write(HTMLReport.text(report, crawl: options.crawl))
      Terminal.note("the report is in \(html.path)")
    }
  }
}

/// Runs a plan, with progress and Ctrl-C.
enum BenchSession {
  static func measure(_ plan: BenchmarkPlan) throws -> BenchmarkReport {
    let watch = BenchmarkWatch()
    do throws(SystemError) {
      try Interrupts.handle { _ in
        if watch.isInterrupted { Processes.exitNow(Failure.Kind.interrupted.rawValue) }
        watch.interrupt()
      }
    } catch {
      throw Failure.work("Ctrl-C can't be handled: \(error.description)")
    }
    defer { Terminal.endProgress() }
    do {
      return try Benchmark(plan, tool: CommandLineTool.version, watch: watch).run { progress in
        let left = progress.done == 0 ? "" : ", about \(Int(progress.secondsLeft.rounded(.up))) s left"
        Terminal.progress("[\(progress.done + 1)/\(progress.total)] \(progress.label)\(left)")
      }
    } catch let error as BenchmarkError {
      throw Failure(error)
    }
  }
}

extension Failure {
  init(_ error: BenchmarkError) {
    switch error.kind {
    case .call: self = .call(error.description)
    case .work: self = .work(error.description)
    case .interrupted: self = .interrupted
    }
  }
}
