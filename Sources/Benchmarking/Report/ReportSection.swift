import IPC
import Measurement

/// A table of the report: the terminal, Markdown and HTML formats all show these.
struct ReportSection {
  struct Column {
    let header: String
    let isNumber: Bool
  }

  let title: String
  let explanation: String
  /// What is to be known about many of the rows.
  var remarks: [String] = []
  let columns: [Column]
  let rows: [Row]

  struct Row {
    let cells: [String]
    /// The length of the row's bar, 0 to 1, relative to comparable rows.
    var bar = 0.0
    /// Why the row's figures are doubtful beyond the usual: it has a mark, and these beside it.
    var reasons: [String] = []
    var isDoubtful: Bool { !reasons.isEmpty }
  }
}

extension BenchmarkReport {
  /// One section per workload, with comparable rows next to each other.
  var sections: [ReportSection] {
    Workload.all.compactMap { workload in
      let results = results.filter { $0.workload == workload }
      guard !results.isEmpty else { return nil }
      return section(workload, sorted(results))
    }
  }

  /// In the order in which rows are compared.
  private func sorted(_ results: [BenchmarkResult]) -> [BenchmarkResult] {
    let places = Dictionary(
      (Mechanism.all + Mechanism.variants).enumerated().map { ($0.element.name, $0.offset) },
      uniquingKeysWith: { first, _ in first })
    func rank(_ result: BenchmarkResult) -> (Int, Int, Int, Int, Int) {
      (
        result.size, SendMode.allCases.firstIndex(of: result.mode) ?? 0, result.processes,
        WaitStrategy.allCases.firstIndex(of: result.wait) ?? 0, places[result.mechanism] ?? places.count
      )
    }
    return results.sorted { rank($0) < rank($1) }
  }

  private func section(_ workload: Workload, _ results: [BenchmarkResult]) -> ReportSection {
    let hasRaw = results.contains { $0.rawRatio != nil }
    func column(_ header: String, _ isNumber: Bool = true) -> ReportSection.Column {
      ReportSection.Column(header: header, isNumber: isNumber)
    }
    var columns = [column("mechanism", false), column("wait", false), column("size")]
    if workload.isTimed {
      columns += ["p50", "±", "p90", "p99", "p99.9", "max"].map { column($0) }
    } else {
      columns += [column("sent", false)]
      if workload.takesProcesses { columns.append(column("processes")) }
      columns += [
        column(workload.topology == .workerPool ? "jobs/s" : "messages/s"), column("±"), column("bytes/s"),
        column("each"),
      ]
    }
    columns += [column("CPU each"), column("switches")]
    if hasRaw { columns.append(column("× raw C")) }
    let judged = Doubt.judge(results)
    let rows = zip(results, judged.reasons).map { result, reasons in
      row(result, hasRaw: hasRaw, reasons: reasons, among: results)
    }
    return ReportSection(
      title: workload.name, explanation: explanation(workload, results), remarks: judged.remarks,
      columns: columns, rows: rows)
  }

  private func explanation(_ workload: Workload, _ results: [BenchmarkResult]) -> String {
    if let rate = results.first?.rate {
      return
        "one way, sent at \(Figure.rate(rate, " messages")) whether or not the receiver keeps up (an open loop), timed from the instant at which the message was meant to be sent"
    }
    return workload.isRoundTrip ? "\(workload.summary) (a closed loop)" : workload.summary
  }

  private func row(
    _ result: BenchmarkResult, hasRaw: Bool, reasons: [String], among results: [BenchmarkResult]
  ) -> ReportSection.Row {
    let figures = result.figures
    var cells = [result.mechanism, result.wait.rawValue, Figure.size(result.size)]
    if result.workload.isTimed {
      let latency = figures.latency
      cells.append(Figure.time(nanoseconds: latency?.p50 ?? 0))
      cells.append(Figure.spread(Statistics.estimate(result.each, seed: method.seed)))
      for value in [latency?.p90, latency?.p99, latency?.p999, latency?.max] {
        cells.append(Figure.time(nanoseconds: value ?? 0))
      }
    } else {
      cells.append(
        result.mode == .batched ? "by \(result.batch)" : result.mode == .inPlace ? "in place" : "each")
      if result.workload.takesProcesses { cells.append(String(result.processes)) }
      cells.append(Figure.rate(figures.messagesPerSecond.median))
      cells.append(Figure.spread(figures.messagesPerSecond))
      cells.append(
        result.workload.topology == .workerPool ? "" : "\(Figure.rate(figures.bytesPerSecond, "B"))")
      cells.append(Figure.time(nanoseconds: result.nanosecondsEach))
    }
    cells.append(Figure.time(microseconds: figures.cpuMicroseconds))
    cells.append(Figure.short(figures.switches))
    if hasRaw { cells.append(result.rawRatio.map(Figure.ratio) ?? "") }
    // A time is compared with those of its size, a rate too.
    func value(_ result: BenchmarkResult) -> Double {
      result.workload.isTimed ? result.nanosecondsEach : result.figures.messagesPerSecond.median
    }
    let largest = results.filter { $0.size == result.size && $0.mode == result.mode }.map(value).max() ?? 1
    return ReportSection.Row(cells: cells, bar: value(result) / largest, reasons: reasons)
  }

  /// The lower bounds that were measured, one line each.
  var limitLines: [String] {
    var lines: [String] = []
    if let cacheLine {
      lines.append(
        "lower bound: a cache line travels to the other CPU and back in \(Figure.time(nanoseconds: cacheLine.median)) (\(Figure.time(nanoseconds: cacheLine.low)) to \(Figure.time(nanoseconds: cacheLine.high))); reading the clock costs \(Figure.time(nanoseconds: method.clockNanoseconds)) of each sample"
      )
    }
    for result in results {
      guard let copy = result.copyNanoseconds else { continue }
      lines.append(
        "lower bound: one memcpy of \(Figure.size(result.size)) takes \(Figure.time(nanoseconds: copy)) (\(Figure.rate(Double(result.size) / copy * 1e9, "B"))); a message through \(result.mechanism), written and read, takes \(Figure.fixed(result.nanosecondsEach / copy, 2)) times as long"
      )
    }
    return lines
  }

  /// One line for the machine.
  var machineLine: String { machine.line }

  var methodLine: String {
    let cpus =
      method.cpus.isEmpty
      ? "not pinned"
      : "pinned to CPUs \(method.cpus.map(String.init).joined(separator: ", "))\(method.pinsAll ? "" : " (unless there are more processes than CPUs)")"
    return
      "\(method.repeats) \(method.repeats == 1 ? "repeat" : "repeats") of \(Figure.time(microseconds: method.secondsPerRepeat * 1e6)) in fresh processes, \(cpus), seed \(method.seed), \(Figure.time(microseconds: method.secondsTaken * 1e6)) in all"
  }

  /// Each warning, with the row that it is about.
  var warningLines: [String] {
    results.flatMap { result in result.warnings.map { "\(result.label): \($0)" } }
  }

  /// The warnings beyond what is usual in their table, with the row that they are about.
  var markedLines: [String] {
    Workload.all.flatMap { workload in
      let results = sorted(results.filter { $0.workload == workload })
      return zip(results, Doubt.judge(results).reasons).flatMap { result, reasons in
        reasons.map { "\(result.label): \($0)" }
      }
    }
  }
}

extension BenchmarkResult {
  /// `throughput memory block 64 B batched`
  var label: String {
    "\(workload.name) \(mechanism) \(wait.rawValue) \(Figure.size(size))\(mode == .each ? "" : " \(mode.rawValue)")"
  }
}

extension Figure {
  /// `±3 %`
  static func spread(_ estimate: Estimate) -> String {
    estimate.spread == 0 ? "" : "±\(Figure.percent(estimate.spread))"
  }

  /// `1.03 (1.01–1.06)`
  static func ratio(_ estimate: Estimate) -> String {
    // One repeat has no interval.
    if estimate.low == estimate.high { return fixed(estimate.median, 2) }
    return "\(fixed(estimate.median, 2)) (\(fixed(estimate.low, 2))–\(fixed(estimate.high, 2)))"
  }
}
