import IPC
import Measurement

/// Why the benchmark and the crawl put another mechanism first, in figures.
struct BenchAgainstCrawl {
  let report: BenchmarkReport
  let crawl: CrawlFigures

  /// A paragraph for each window whose question the benchmark has measured too; none where nothing can be compared.
  var lines: [String] {
    crawl.comparisons.compactMap { comparison in
      // One page at a time is a round trip; a full window is a pool's jobs.
      if comparison.window == "1" { return line(comparison, .latency) }
      return line(comparison, .jobs)
    }
  }

  /// What the benchmark measured of the same question, in microseconds, with the wait strategy of the crawl's channels if
  /// it was measured.
  private func rows(_ workload: Workload) -> [BenchmarkResult] {
    let all = report.results.filter { $0.workload == workload && $0.rate == nil && !$0.each.isEmpty }
    for wait in [WaitStrategy.adaptive, .block] {
      let rows = report.commonestSize(all.filter { $0.wait == wait })
      if rows.count > 1 { return rows }
    }
    return []
  }

  private func line(_ comparison: CrawlFigures.Comparison, _ workload: Workload) -> String? {
    let rows = rows(workload)
    let labels = comparison.runs.map(\.label)
    // Those that both have measured.
    let shared = rows.filter { labels.contains($0.mechanism) }
    guard shared.count > 1 else { return nil }
    let bench = report.contest(shared)
    let indices = shared.compactMap { labels.firstIndex(of: $0.mechanism) }
    let runs = indices.map { comparison.runs[$0] }
    let contest = Contest(runs.map(\.label), runs.map(\.costs), seed: crawl.workload.seed ?? 1)
    let window = Charts.capitalized(crawl.words(comparison.window))
    let there = bench.first.map { bench.names[$0] }
    let here = contest.first.map { contest.names[$0] }
    if Set(there) == Set(here) {
      let tied = here.count > 1 ? " (tied)" : ""
      return "\(window): the benchmark and the crawl agree. First in both: \(Headline.list(here))\(tied)."
    }
    let start =
      "\(window): first in the benchmark: \(first(there, bench)); first in the crawl: \(first(here, contest))."
    // Where the benchmark doesn't tell anything apart there is nothing to explain.
    if bench.ranking.isOneTie {
      return "\(start) The benchmark's order is noise, and says nothing about the crawl."
    }
    guard let fast = bench.order.first, let other = rival(of: fast, bench, contest) else { return nil }
    return explanation(
      start, workload, rows: (shared[fast], shared[other]), runs: (runs[fast], runs[other]),
      isApart: contest.place(fast) != contest.place(other))
  }

  /// What the benchmark's first is compared with: what the crawl puts in front of it; where it puts nothing there, what it
  /// ties with it, and the benchmark tells apart from it the most.
  private func rival(of fast: Int, _ bench: Contest, _ contest: Contest) -> Int? {
    if contest.place(fast) > 1 { return contest.first.first }
    return bench.order.last { $0 != fast && contest.first.contains($0) }
  }

  private func first(_ names: [String], _ contest: Contest) -> String {
    if contest.hasTooFewRepeats { return "undecided after \(contest.repeats) repeats" }
    if contest.ranking.isOneTie { return "all \(contest.names.count), tied" }
    return Headline.list(names) + (names.count > 1 ? " (tied)" : "")
  }

  private func time(_ microseconds: Double) -> String { Figure.time(microseconds: microseconds) }

  /// - Parameters:
  ///   - rows: the benchmark's first, and what it is compared with.
  ///   - runs: their crawls.
  ///   - isApart: whether the crawl tells the two apart.
  private func explanation(
    _ start: String, _ workload: Workload, rows: (BenchmarkResult, BenchmarkResult),
    runs: (CrawlFigures.Run, CrawlFigures.Run), isApart: Bool
  ) -> String {
    let (fast, other) = (rows.0.mechanism, rows.1.mechanism)
    let saved = (rows.1.nanosecondsEach - rows.0.nanosecondsEach) / 1000
    let part = runs.1.cost.median > 0 ? saved / runs.1.cost.median : 0
    let size = Figure.size(rows.0.size)
    let what =
      workload == .latency ? "round trip of \(size) (\(rows.0.wait.rawValue))" : "job of \(size) over a pool"
    var sentences = [
      start,
      "A \(what) takes \(time(rows.0.nanosecondsEach / 1000)) with \(fast), \(time(saved)) less than with \(other).",
      "A \(crawl.unit) of the crawl costs \(Figure.interval(runs.0.cost, time)) with \(fast) and \(Figure.interval(runs.1.cost, time)) with \(other): the \(time(saved)) are \(Figure.percent(part)) of that.",
    ]
    if let parts = parts(runs.0, runs.1, fast, other) { sentences.append(parts) }
    let noise = max(runs.0.cost.spread, runs.1.cost.spread)
    if !isApart, part < noise {
      sentences.append(
        "The crawl's own noise is larger, ±\(Figure.percent(noise)), so it can't show that difference.")
    } else if !isApart {
      sentences.append("The repeats of the crawl don't tell the two apart.")
    }
    return sentences.joined(separator: " ")
  }

  /// Where a page's time goes, from the parts of the crawl.
  private func parts(
    _ fast: CrawlFigures.Run, _ other: CrawlFigures.Run, _ fastName: String, _ otherName: String
  ) -> String? {
    guard let one = fast.parts, let two = other.parts else { return nil }
    let wakeUps = one.wakeUps > 0 ? ", \(Figure.fixed(one.wakeUps, 1)) wake-ups" : ""
    var text =
      "Of the \(time(one.busy)) that the processes are busy or ready per \(crawl.unit) with \(fastName), the library itself takes \(time(one.library)), its system calls \(time(one.system)), the run queue \(time(one.runQueue))\(wakeUps), and the work \(time(one.work))."
    let differences = [
      ("the run queue", one.runQueue - two.runQueue), ("system calls", one.system - two.system),
      ("the library itself", one.library - two.library), ("the work", one.work - two.work),
    ]
    // What explains that it costs more here, or less.
    let sign: Double = fast.cost.median > other.cost.median ? 1 : -1
    if let largest = differences.max(by: { $0.1 * sign < $1.1 * sign }), largest.1 * sign > 0 {
      text +=
        " Where it takes \(sign > 0 ? "more" : "less") than \(otherName) is above all \(largest.0): \(time(largest.1.magnitude)) \(sign > 0 ? "more" : "less")."
    }
    return text
  }
}
