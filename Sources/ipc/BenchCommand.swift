import Benchmarking
import IPC

/// `ipc bench`: what each mechanism costs on this machine.
enum BenchCommand: Command {
  static let name = "bench"
  static let summary = "what each mechanism costs on this machine"
  static let example = """
    ipc bench
    ipc bench latency --mechanism pipe,unix,memory --size 64,4K --wait block,spin --raw
    """
  static let usage = """
    ipc bench [WORKLOAD|all] [--mechanism NAME,…|all] [--size 64,1K,64K,1M] [--wait block|spin|adaptive,…]
              [--mode each|batched|in-place,…] [--processes N] [--pin 0,1|none] [--repeats N] [--seconds S]
              [--rate N] [--raw] [--quick] [--seed N] [--json|--csv|--markdown] [--html FILE]
              [--crawl CRAWL.json] [--compare EARLIER.json]
    ipc bench \(subcommands.map { $0.name }.joined(separator: "|")) [options]
    """
  static let details = """
    Measures each mechanism between fresh processes. In turn with it, in the same run, it measures the same exchange in
    plain C (raw), so that the library's own cost is a ratio. Without a workload: the quick set, in under three minutes.

    Workloads:
    \(HelpText.list(Workload.all.map { ($0.name, $0.summary) }))
      all          all of them

    Subcommands, each with its own --help:
    \(HelpText.list(subcommands))

    Options (the default in parentheses):
      --mechanism   \(Mechanism.all.map(\.name).joined(separator: ", ")): all of them (all), or those named;
                    also \(Mechanism.variants.map(\.name).joined(separator: ", "))
      --size        bytes of a message, 0 to 16M (64)
      --wait        what an endpoint does until it can continue (block; latency: block,spin)
      --mode        each: one message per call; batched: as many as fit one call; in-place: written and read in shared
                    memory (each)
      --processes N senders of a fan-in, receivers of a fan-out, workers of jobs (2)
      --pin         the CPUs of the two processes (the first two), or none
      --repeats N   how many times each case is measured, each time in fresh processes (10)
      --seconds S   how long a repeat measures the library, and plain C (0.125; quick set: 0.05)
      --rate N      latency: messages per second, sent at fixed instants, timed from the instant meant
      --raw         measure plain C as well (always in the quick set and in all)
      --seed N      the order of the measurements, and the intervals (1)
      --html FILE   the report as one file for a browser; --crawl adds the output of ipc crawl --json
      --compare     the --json of an earlier run: prints what differs by more than the noise of both

    Exit codes: 0 done, 1 a message was lost, duplicated or damaged, 2 the call was wrong, 130 interrupted.
    """
  static let subcommands: [any Command.Type] = [
    StepsCommand.self,
    SelectCommand.self,
    AdviseCommand.self,
  ]

  static func run(_ arguments: inout Arguments) throws {
    let options = try BenchOptions(&arguments)
    let report = try BenchSession.measure(options.plan)
    let comparison = options.earlier.map { Comparison(report, $0) }
    switch options.format {
    case .json: try JSONOutput.print(report)
    case .csv: Terminal.print(CSVReport.text(report))
    case .markdown: Terminal.print(MarkdownReport.text(report))
    case .table: Terminal.print(TableReport.text(report, color: Terminal.hasColor, layout: Terminal.layout))
    }
    if let comparison {
      // Standard output has the document and nothing else.
      if options.format == .table { Terminal.print(comparison.text) } else { Terminal.note(comparison.text) }
    }
    if let html = options.html {
      try html.write(HTMLReport.text(report, crawl: options.crawl))
      Terminal.note("wrote the report to \(html.path)")
    }
  }
}

/// Runs a plan, shows its progress, and handles Ctrl-C.
enum BenchSession {
  static func measure(_ plan: BenchmarkPlan) throws -> BenchmarkReport {
    let control = BenchmarkControl()
    try Interruption.handle { control.interrupt() }
    defer { Terminal.endProgress() }
    do {
      return try Benchmark(plan, tool: packageVersion, control: control).run { progress in
        let left = progress.done == 0 ? "" : ", about \(Int(progress.secondsLeft.rounded(.up))) s left"
        Terminal.progress("[\(progress.done + 1)/\(progress.total)] \(progress.label)\(left)")
      }
    } catch let error as BenchmarkError {
      throw Failure(error)
    }
  }
}
