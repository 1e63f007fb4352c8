import Benchmarking
import Crawling
import Measurement

/// The results of the crawls, as a table and as JSON.
struct CrawlReport: Encodable {
  struct Workload: Encodable {
    let kind: String
    let pages: Int
    let delayMilliseconds: Int
    let workers: Int
    let seed: UInt64

    enum CodingKeys: String, CodingKey {
      case kind, pages
      case delayMilliseconds = "delay_ms"
      case workers, seed
    }
  }

  /// Crawls that are compared with each other: those of worker processes with one window, and those without a window.
  struct Comparison {
    /// The window of those that have one.
    let window: String?
    let runs: [CrawlSummary]
    let names: [String]
    let ranking: Ranking
  }

  let workload: Workload
  let machine = MachineDescription()
  /// Those without a window first; of several windows the full one last.
  let runs: [CrawlSummary]
  /// The same crawl in one process, for comparison: what the process boundary costs.
  let inOneProcess: [CrawlSummary]
  /// A round trip of a cache line between two CPUs, before, between and after the repeats, in nanoseconds; nil on one CPU.
  let cacheLine: Estimate?
  /// From the cheapest on: groups of names, each tied. Of several windows that of the last.
  let ranking: [[String]]
  /// Whether every crawl found the same pages, each once; nil where a limit or Ctrl-C left some out.
  let samePages: Bool?
  /// Ctrl-C ended the command before every repeat was measured.
  let isInterrupted: Bool
  let comparisons: [Comparison]
  /// What follows.
  let headlines: [Headline]
  /// How many were asked for.
  let repeats: Int
  /// How many further repeats timed the system calls.
  let timedRepeats: Int
  let failedPage: PageRecord?
  let leftOut: LeftOut
  let moves: [Move]
  let notes: CrawlNotes
  /// The name of a crawl of which every page failed.
  private let failedWhole: String?
  /// The first page of a real site of which nothing was read but redirects; nil if there is another.
  private let leadsNowhere: PageRecord?

  enum CodingKeys: String, CodingKey {
    case workload, machine, runs, ranking
    case samePages = "same_pages"
    case leftOut = "left_out"
    case moves = "moved"
    case isInterrupted = "interrupted"
    case inOneProcess = "in_one_process"
    case cacheLine = "cache_line_ns"
  }

  init(_ options: CrawlOptions, _ outcome: CrawlSession.Outcome) {
    let plan = options.plan
    workload = Workload(
      kind: plan.work.rawValue, pages: plan.work == .web ? outcome.pages.count : plan.pages,
      delayMilliseconds: plan.delayMilliseconds, workers: plan.workers, seed: plan.seed)
    repeats = options.repeats
    timedRepeats = outcome.timed.map(\.count).max() ?? 0
    let all = options.configurations + options.baselines
    let measured = all.indices.filter { !outcome.runs[$0].isEmpty }.map { index in
      let summary = CrawlSummary(
        outcome.runs[index], timed: outcome.timed[index], window: all[index].window, seed: plan.seed)
      return (index: index, summary: summary)
    }
    let summaries = measured.filter { options.configurations.indices.contains($0.index) }.map(\.summary)
    inOneProcess = measured.filter { $0.index >= options.configurations.count }.map(\.summary)
    cacheLine = outcome.probes.isEmpty ? nil : Statistics.estimate(outcome.probes, seed: plan.seed)
    let unit = plan.work == .nothing ? "job" : "page"
    let entries = summaries.map { Self.entry($0) }
    let contests = CrawlContest.all(entries, unit: unit, seed: plan.seed)
    comparisons = contests.map { contest in
      Comparison(
        window: contest.window, runs: contest.indices.map { summaries[$0] }, names: contest.names,
        ranking: contest.ranking)
    }
    headlines = CrawlContest.headlines(
      contests, entries, inOneProcess: inOneProcess.map { Self.entry($0) }, unit: unit, seed: plan.seed)
    runs = summaries
    let failedWhole = summaries.first { !$0.hasSpeed }
    self.failedWhole = failedWhole.map { $0.mechanism ?? $0.model }
    let isRead = outcome.pages.contains { !$0.hasFailed && !(300..<400).contains($0.status) }
    leadsNowhere = plan.work == .web && !isRead ? outcome.pages.first : nil
    leftOut = outcome.leftOut
    moves = outcome.moves
    notes = CrawlNotes(options, outcome)
    ranking =
      failedWhole != nil
      ? [] : comparisons.last.map { last in last.ranking.groups.map { $0.map { last.names[$0] } } } ?? []
    isInterrupted = outcome.isInterrupted
    samePages =
      outcome.isCutOff || outcome.failure != nil ? nil : plan.work == .nothing || outcome.samePages
    failedPage = outcome.failedPage
  }

  /// Why the crawls failed as a whole; nil if they didn't.
  var failure: Failure? {
    if let failedWhole, let page = failedPage {
      let which = runs.count > 1 ? " (\(failedWhole))" : ""
      return .work(
        "every page failed\(which); the first: \(page.url): \(page.failure ?? "status \(page.status)")")
    }
    if let first = leadsNowhere {
      return .work(
        failedPage.map { "\(first.url) leads to \($0.url): \($0.failure ?? "status \($0.status)")" }
          ?? "\(first.url) redirects, and leads to no page of this crawl")
    }
    if samePages == false {
      return .work("the crawls didn't find the same pages, each once: this is a bug, please report it")
    }
    return nil
  }

  var haveModels: Bool { runs.contains { $0.mechanism == nil } }

  private static func entry(_ run: CrawlSummary) -> CrawlContest.Entry {
    CrawlContest.Entry(
      model: run.model, mechanism: run.mechanism, window: run.window?.description, costs: run.costs,
      cost: run.costMicroseconds)
  }
}
