import Benchmarking
import Crawling
import Measurement

/// The results of `ipc crawl` for a terminal: what each crawl cost, what that is made of, and what follows.
struct CrawlTable {
  private static let barWidth = 8
  private static let stackWidth = 24

  private let report: CrawlReport
  private let layout: TextLayout

  init(_ report: CrawlReport, _ layout: TextLayout) {
    self.report = report
    self.layout = layout
  }

  private var runs: [CrawlSummary] { report.runs }
  private var comparisons: [CrawlReport.Comparison] { report.comparisons }
  private var unit: String { report.workload.kind == "nothing" ? "job" : "page" }
  private var haveModels: Bool { report.haveModels }
  private var haveProcesses: Bool { runs.contains { $0.mechanism != nil } }
  /// Where every pool has a full window, the word would say nothing.
  private var haveWindows: Bool { comparisons.contains { $0.window != nil && $0.window != "auto" } }
  private var haveRepeats: Bool { (runs + report.inOneProcess).contains { $0.repeats > 1 } }
  private var havePlaces: Bool { comparisons.contains { !$0.ranking.isOneTie } }

  var text: String {
    let costs = costs
    let parts = parts
    var sections = [layout.wrapped(heading), costs.text(layout), layout.wrapped(legend(costs))]
    if let parts {
      sections += [layout.wrapped(partsHeading), parts.text(layout), layout.wrapped(partsLegend(parts))]
    }
    if !conclusion.isEmpty { sections.append(layout.wrapped(conclusion)) }
    return sections.joined(separator: "\n\n")
  }

  // MARK: What each cost

  private var costs: Table {
    // Leaves out the columns of kinds of crawl that didn't run.
    typealias Column = (header: String, alignment: Table.Alignment)
    var columns: [Column] = [(haveModels ? "model" : "mechanism", .left)]
    if haveWindows { columns.append(("window", .right)) }
    columns += [("wall", .right), ("\(unit)s/s", .right), ("cost each", .right)]
    if haveRepeats { columns.append(("±", .right)) }
    columns.append(("", .left))
    if havePlaces { columns.append(("place", .right)) }
    columns += [("CPU", .right), ("switches", .right)]
    if haveModels { columns += [("processes", .right), ("threads", .right)] }
    if haveProcesses { columns += [("dispatch p50", .right), ("p99", .right), ("channel", .right)] }
    columns.append(("memory", .right))
    if haveModels { columns.append(("grown", .right)) }
    var table = Table(
      columns,
      leastImportant: [
        "channel", "p99", "switches", "memory", "grown", "threads", "processes", "\(unit)s/s", "dispatch p50",
        "CPU",
      ], keys: haveWindows ? 2 : 1)
    for run in report.inOneProcess { table.add(cells("none: \(run.model)", run, place: nil)) }
    for (number, comparison) in comparisons.enumerated() {
      let places = comparison.ranking.places
      for (index, run) in comparison.runs.enumerated() where number == 0 || run.window != nil {
        let place = comparison.ranking.isOneTie ? nil : places[index]
        table.add(cells(comparison.names[index], run, place: place))
      }
    }
    return table
  }

  private func cells(_ name: String, _ run: CrawlSummary, place: Int?) -> [String] {
    let cost = run.costMicroseconds
    let largest = (runs + report.inOneProcess).map(\.costMicroseconds.median).max() ?? 0
    var cells = [name]
    if haveWindows { cells.append(run.window?.description ?? "") }
    cells += [
      Figure.time(microseconds: run.wallSeconds * 1e6), Figure.short(run.pagesPerSecond),
      Figure.time(microseconds: cost.median),
    ]
    if haveRepeats { cells.append(run.repeats > 1 ? Figure.percent(cost.spread) : "") }
    cells.append(Figure.bar(cost.median, of: largest, width: Self.barWidth))
    if havePlaces { cells.append(place.map(String.init) ?? "") }
    cells += [
      Figure.time(microseconds: (run.cpuUserSeconds + run.cpuSystemSeconds) * 1e6),
      Figure.grouped(run.voluntarySwitches + run.involuntarySwitches),
    ]
    if haveModels { cells += [Figure.grouped(run.processes), Figure.grouped(run.threads)] }
    if haveProcesses {
      cells += [
        run.dispatch.map { Figure.time(microseconds: $0.p50) } ?? "",
        run.dispatch.map { Figure.time(microseconds: $0.p99) } ?? "",
        run.channelBytes.map { Figure.bytes($0) } ?? "",
      ]
    }
    cells.append(Figure.bytes(run.proportionalKilobytes * 1024))
    if haveModels { cells.append(Figure.bytes(run.grownKilobytes * 1024)) }
    return cells
  }

  private var heading: String {
    let workload = report.workload
    let machine = report.machine
    let what =
      switch workload.kind {
      case "slow": "\(workload.pages) pages that each answer after \(workload.delayMilliseconds) ms"
      case "site":
        workload.pages == 1 ? "a site of 1 page" : "a site of \(Figure.grouped(workload.pages)) linked pages"
      case "nothing":
        workload.pages == 1
          ? "1 job that does nothing" : "\(Figure.grouped(workload.pages)) jobs that do nothing"
      default:
        "a real site, of which \(workload.pages == 1 ? "1 page was" : "\(Figure.grouped(workload.pages)) pages were") read"
      }
    let least = runs.map(\.repeats).min() ?? 0
    let most = runs.map(\.repeats).max() ?? 0
    let times = least == most ? "\(most)" : "\(least) to \(most)"
    let workers =
      haveModels ? "at once" : workload.workers == 1 ? "worker process" : "worker processes"
    let probe = report.cacheLine.map {
      "; a cache line went between two CPUs and back in \(Figure.time(nanoseconds: $0.median)) ± \(Figure.percent($0.spread))"
    }
    return
      "\(what), \(workload.workers) \(workers), \(machine.cpus) CPUs (\(machine.cpu)), Linux \(machine.kernel)\n"
      + (most == 1
        ? "each once"
        : "each \(times) times, in processes of their own, in turn, in orders that the seed \(workload.seed) determines; the figures are medians")
      + (probe ?? "")
      + (report.isInterrupted
        ? "; interrupted: \(report.repeats) \(report.repeats == 1 ? "repeat was" : "repeats were") asked for"
        : "")
  }

  /// What the columns mean that are shown.
  private func legend(_ table: Table) -> String {
    let lines: [(columns: [String], text: String)] = [
      (
        ["window"],
        "window: how many \(unit)s a worker holds. 1: each waits for the mechanism's wake-up; auto: as many as outweigh one."
      ),
      (["wall"], "wall: the time from the first \(unit) to the last."),
      (
        ["cost each"],
        "cost each: the coordination cost per \(unit): how much longer the crawl took than the work itself"
          + (table.shows("±", layout) ? "; ±: half of its 95 % interval." : ".")
      ),
      (
        ["place"],
        "place: by cost; those with the same place are tied: the repeats don't tell them apart (sign-flip tests of all pairs, Holm, 5 %)."
      ),
      (["\(unit)s/s"], "\(unit)s/s: \(unit)s per second."),
      (["CPU"], "CPU: CPU time of all processes."),
      (["switches"], "switches: context switches of all processes."),
      (["processes"], "processes: how many took part."),
      (["threads"], "threads: the most that were seen."),
      (
        ["dispatch p50"],
        "dispatch p50\(table.shows("p99", layout) ? ", p99" : ""): from the coordinator's send until a worker has the \(unit)."
      ),
      (["channel"], "channel: bytes that were carried."),
      (
        ["memory"],
        "memory: the proportional set size of all processes: what several share counts once."
      ),
      (["grown"], "grown: how much the crawl added to the peak of memory."),
    ]
    var shown = lines.filter { line in line.columns.contains { table.shows($0, layout) } }.map(\.text)
    if !report.inOneProcess.isEmpty {
      shown.insert(
        "none: the same crawl in one process: one \(unit) after the other (sequential), in a pool of threads, in tasks (async).",
        at: 0)
    }
    return shown.joined(separator: "\n")
  }

  // MARK: What it is made of

  private var haveParts: [(name: String, run: CrawlSummary, parts: CrawlParts)] {
    comparisons.enumerated().flatMap { number, comparison in
      zip(comparison.names, comparison.runs).compactMap { name, run in
        // Those without a window stand in each comparison.
        guard number == 0 || run.window != nil, let parts = run.parts else { return nil }
        return (name, run, parts)
      }
    }
  }

  private var parts: Table? {
    let rows = haveParts
    guard !rows.isEmpty else { return nil }
    var columns: [(header: String, alignment: Table.Alignment)] = [
      (haveModels ? "model" : "mechanism", .left)
    ]
    if haveWindows { columns.append(("window", .right)) }
    columns += [
      ("all", .right), ("work", .right), ("library", .right), ("system", .right), ("run queue", .right),
      ("waiting", .right), ("", .left), ("wake-ups", .right),
    ]
    var table = Table(columns, leastImportant: ["all"], keys: haveWindows ? 2 : 1)
    let largest = rows.map(\.parts.sum).max() ?? 0
    for row in rows {
      let list = row.parts.times
      table.add(
        [row.name] + (haveWindows ? [row.run.window?.description ?? ""] : [])
          + [Figure.time(nanoseconds: row.parts.sum)] + list.map { Figure.time(nanoseconds: $0) }
          + [
            Figure.stackedBar(list, of: largest, width: Self.stackWidth), Figure.short(row.parts.wakeups),
          ])
    }
    return table
  }

  private var partsHeading: String {
    let timed = report.timedRepeats
    return
      "Where the time of a \(unit) goes, in all processes together"
      + (timed > 0
        ? " (shares of \(timed) further \(timed == 1 ? "repeat" : "repeats") of each, whose system calls were timed)"
        : "")
  }

  private func partsLegend(_ table: Table) -> String {
    func part(_ index: Int) -> String {
      table.shows("", layout) ? " (\(Figure.stack[index]))" : ""
    }
    let lines: [String] = [
      table.shows("all", layout)
        ? "all: the number of processes times the wall time, per \(unit): the sum of the parts." : "",
      "work\(part(0)): the \(unit)s themselves, with what they wait for.",
      "library\(part(1)): the library's own CPU time; system\(part(2)): CPU time in its system calls.",
      "run queue\(part(3)): ready to run, and waiting for a CPU; waiting\(part(4)): asleep.",
      "wake-ups: how often a process was woken, per \(unit).",
    ]
    return lines.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  // MARK: What follows

  /// The main results, in a line for each.
  private var conclusion: String {
    var lines = report.headlines.map { $0.text.prefix(1).uppercased() + $0.text.dropFirst() }
    if let failed = runs.map(\.failed).max(), failed > 0, let page = report.failedPage {
      lines.append(
        "\(Figure.grouped(failed)) failed; the first: \(page.url): \(page.failure ?? "status \(page.status)")."
      )
    }
    let requeued = runs.reduce(0) { $0 + $1.requeued }
    lines += report.notes.lines
    if requeued > 0 {
      lines.append("\(Figure.grouped(requeued)) jobs of workers that died were given to others.")
    }
    return lines.joined(separator: "\n")
  }
}
