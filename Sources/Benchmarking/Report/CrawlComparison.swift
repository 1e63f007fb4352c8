import IPC
import Measurement

extension CrawlFigures {
  /// Crawls that are compared with each other.
  struct Comparison {
    /// The window of those that have one.
    let window: String?
    let runs: [Run]
    let contest: Contest
  }

  /// One for each window, in the order of the runs: the full one last.
  var comparisons: [Comparison] {
    contests.map { contest in
      Comparison(window: contest.window, runs: contest.indices.map { runs[$0] }, contest: contest.contest)
    }
  }

  private var contests: [CrawlContest] { CrawlContest.all(entries(runs), unit: unit, seed: seed) }

  private func entries(_ runs: [Run]) -> [CrawlContest.Entry] {
    runs.map { run in
      CrawlContest.Entry(
        model: run.model ?? "processes", mechanism: run.mechanism, window: run.window?.text,
        costs: run.costs, cost: run.cost)
    }
  }

  private var seed: UInt64 { workload.seed ?? 1 }

  /// What follows from the crawl.
  var headlines: [Headline] {
    CrawlContest.headlines(
      contests, entries(runs), inOneProcess: entries(inOneProcess ?? []), unit: unit, seed: seed)
  }

  private var haveModels: Bool { runs.contains { $0.mechanism == nil } }
  var unit: String { workload.unit }

  /// What a window means.
  func words(_ window: String?) -> String { CrawlContest.words(window, unit: unit) }

  // MARK: Prose

  /// What was crawled.
  var workloadLine: String {
    let what =
      switch workload.kind {
      case "slow":
        "\(workload.pages) pages that each answer after \(workload.delayMilliseconds.map { "\($0) ms" } ?? "a while")"
      case "site": "a site of \(Figure.grouped(workload.pages)) linked pages"
      case "nothing": "\(Figure.grouped(workload.pages)) jobs that do nothing"
      default: "a real site, of which \(Figure.grouped(workload.pages)) pages were read"
      }
    let workers = workload.workers
    return
      "\(what), \(workers) \(haveModels ? "at once" : workers == 1 ? "worker process" : "worker processes")"
  }

  var repeatsLine: String {
    let counts = runs.map { $0.repeats ?? $0.costs.count }
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    if most <= 1 { return "each crawl once" }
    let times = least == most ? "\(most)" : "\(least) to \(most)"
    let seed = workload.seed.map { ", in orders that the seed \($0) determines" } ?? ""
    return "each crawl \(times) times, in turn with the others\(seed)"
  }

  /// What was crawled, and how often.
  var lead: String { Charts.capitalized(workloadLine) + "; " + repeatsLine + "." }

  /// How it was measured.
  var notes: [String] {
    var notes = [
      "\(workloadLine); \(repeatsLine); the figures are medians, the intervals are 95 % bootstrap intervals of the median over the repeats",
      "the cost is the coordination cost: how much longer the crawl took, per \(unit), than the work itself",
    ]
    if runs.contains(where: { $0.parts != nil }) {
      notes.append(
        "the parts are summed over all processes, per \(unit): the work itself, the library's own CPU time, the CPU time of its system calls, the time in which a process could run and waited for a CPU (the run queue), and the time asleep; together they are the number of processes times the time a \(unit) takes"
      )
    }
    if inOneProcess?.isEmpty == false {
      notes.append(
        "none: the same crawl in one process: one \(unit) after the other (sequential), in a pool of threads, in tasks (async); the difference is what the process boundary costs"
      )
    }
    if let cacheLine {
      notes.append(
        "before, between and after the repeats, a cache line took \(Figure.interval(cacheLine) { Figure.time(nanoseconds: $0) }) from one CPU to another and back"
      )
    }
    switch samePages {
    case true?: notes.append("every crawl found the same pages, each once")
    case false?: notes.append("the crawls didn't find the same pages: the figures aren't comparable")
    case nil: break
    }
    if isInterrupted == true { notes.append("it was interrupted before every repeat was measured") }
    return notes
  }

  // MARK: The tables

  /// The figures of every chart: what each crawl cost, and where it was parted what that is made of.
  var sections: [ReportSection] { [costs] + (runs.contains { $0.parts != nil } ? [parts] : []) }

  /// The runs in the order of the tables, each once.
  private var rows: [(name: String, place: String, run: Run)] {
    (inOneProcess ?? []).map { ("none: \($0.label)", "", $0) }
      + comparisons.enumerated().flatMap { number, comparison in
        comparison.contest.order.filter { number == 0 || comparison.runs[$0].window != nil }.map { index in
          let place = comparison.runs.count > 1 ? "\(comparison.contest.place(index))" : ""
          return (comparison.contest.names[index], place, comparison.runs[index])
        }
      }
  }

  private func columns(_ headers: [String]) -> [ReportSection.Column] {
    let first = [haveModels ? "model" : "mechanism"] + (haveWindows ? ["window"] : [])
    return (first + headers).enumerated().map { ReportSection.Column(header: $1, isNumber: $0 > 0) }
  }

  private var haveWindows: Bool { runs.contains { $0.window != nil } }

  private func first(_ name: String, _ run: Run) -> [String] {
    [name] + (haveWindows ? [run.window?.text ?? ""] : [])
  }

  private var costs: ReportSection {
    let haveCPU = runs.contains { $0.cpuSeconds != nil }
    let haveMemory = runs.contains { $0.memoryKilobytes != nil }
    var headers = ["place", "cost each", "95 %", "wall"]
    if haveCPU { headers += ["CPU each", "switches each"] }
    if haveMemory { headers.append("memory") }
    let rows = rows.map { name, place, run in
      let (cost, pages) = (run.cost, Double(max(1, run.pages)))
      var cells = first(name, run) + [place, time(cost.median)]
      cells.append(cost.low == cost.high ? "" : Figure.span([cost.low, cost.high], time))
      cells.append(time(run.wallSeconds * 1e6))
      if haveCPU {
        cells.append(run.cpuSeconds.map { time($0 * 1e6 / pages) } ?? "")
        cells.append(run.switches.map { Figure.short(Double($0) / pages) } ?? "")
      }
      if haveMemory { cells.append(run.memoryKilobytes.map { Figure.bytes($0 * 1024) } ?? "") }
      return ReportSection.Row(cells: cells)
    }
    var lines = [
      "Place: by cost; those with the same place are tied. Cost each: the coordination cost per \(unit), with its 95 % interval."
    ]
    if haveCPU { lines.append("CPU and switches: of all processes, per \(unit).") }
    if haveMemory { lines.append("Memory: the proportional set size of all processes.") }
    return ReportSection(
      title: "crawl", explanation: "what each crawl cost: medians over the repeats",
      remarks: [lines.joined(separator: " ")], columns: columns(headers), rows: rows)
  }

  private var parts: ReportSection {
    let rows = rows.compactMap { name, _, run in
      run.parts.map { parts in
        let times = [parts.library, parts.system, parts.runQueue, parts.work, parts.waiting].map(time)
        return ReportSection.Row(cells: first(name, run) + times + [Figure.fixed(parts.wakeUps, 1)])
      }
    }
    return ReportSection(
      title: "crawl, the parts",
      explanation:
        "where the time of all processes goes, per \(unit); together it is the number of processes times what a \(unit) takes",
      columns: columns(["library", "system calls", "run queue", "work", "asleep", "wake-ups"]), rows: rows)
  }

  private func time(_ microseconds: Double) -> String {
    microseconds == 0 ? "0" : Figure.time(microseconds: microseconds)
  }
}
