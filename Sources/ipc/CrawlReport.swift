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
    let window: CrawlWindow?
    let runs: [CrawlSummary]
    let names: [String]
    let ranking: Ranking
  }

  let workload: Workload
  let machine = MachineDescription()
  /// Those without a window first; of several windows the full one last.
  let runs: [CrawlSummary]
  /// From the cheapest on: groups of names, each tied. Of several windows that of the last.
  let ranking: [[String]]
  /// Whether every crawl found the same pages, each once; nil where a limit or Ctrl-C left some out.
  let samePages: Bool?
  /// Ctrl-C ended the command before every repeat was measured.
  let isInterrupted: Bool
  private let comparisons: [Comparison]
  private let repeats: Int
  private let failedPage: PageRecord?
  private let allFailed: Bool

  enum CodingKeys: String, CodingKey {
    case workload, machine, runs, ranking
    case samePages = "same_pages"
    case isInterrupted = "interrupted"
  }

  init(_ options: CrawlOptions, _ outcome: CrawlSession.Outcome) {
    let plan = options.plan
    workload = Workload(
      kind: plan.work.rawValue, pages: plan.work == .web ? outcome.pages.count : plan.pages,
      delayMilliseconds: plan.delayMilliseconds, workers: plan.workers, seed: plan.seed)
    repeats = options.repeats
    let measured = zip(options.configurations, outcome.runs).filter { !$1.isEmpty }
    let summaries = measured.map { CrawlSummary($1, window: $0.window, seed: plan.seed) }
    let haveModels = summaries.contains { $0.mechanism == nil }
    let windows = summaries.map(\.window).reduce(into: [CrawlWindow?]()) { list, window in
      if let window, !list.contains(window) { list.append(window) }
    }
    comparisons = (windows.isEmpty ? [nil] : windows).map { window in
      let runs = summaries.filter { $0.window == nil || $0.window == window }
      // Repeats that Ctrl-C left unpaired aren't compared.
      let paired = runs.map(\.repeats).min() ?? 0
      return Comparison(
        window: window, runs: runs, names: Self.names(runs, haveModels: haveModels),
        ranking: Ranking(runs.map { Array($0.costs.prefix(paired)) }, seed: plan.seed))
    }
    runs = summaries
    ranking = comparisons.last.map { last in last.ranking.groups.map { $0.map { last.names[$0] } } } ?? []
    isInterrupted = outcome.isInterrupted
    samePages =
      outcome.isCutOff || outcome.failure != nil ? nil : plan.work == .nothing || outcome.samePages
    failedPage = outcome.failedPage
    allFailed = !summaries.isEmpty && summaries.allSatisfy { $0.pages > 0 && $0.failed == $0.pages }
  }

  /// Why the crawls failed as a whole; nil if they didn't.
  var failure: Failure? {
    if allFailed, let page = failedPage {
      return .work("every page failed; the first: \(page.url): \(page.failure ?? "status \(page.status)")")
    }
    if samePages == false {
      return .work("the crawls didn't find the same pages, each once: this is a bug, please report it")
    }
    return nil
  }

  private var haveModels: Bool { runs.contains { $0.mechanism == nil } }

  /// The names of runs that are compared. Among models, a mechanism's name alone would be unclear; a mechanism that was named
  /// twice was measured twice.
  private static func names(_ runs: [CrawlSummary], haveModels: Bool) -> [String] {
    var seen: [String: Int] = [:]
    return runs.map { run in
      let name = run.mechanism.map { haveModels ? "\(run.model), \($0)" : $0 } ?? run.model
      seen[name, default: 0] += 1
      return seen[name] == 1 ? name : "\(name) (\(seen[name] ?? 0))"
    }
  }

  // MARK: The table

  private var unit: String { workload.kind == "nothing" ? "job" : "page" }

  func table(_ layout: TextLayout) -> String {
    let largest = runs.map(\.costMicroseconds.median).max() ?? 0
    let haveProcesses = runs.contains { $0.mechanism != nil }
    // Where every pool has a full window, the word would say nothing.
    let haveWindows = comparisons.contains { $0.window != nil && $0.window != .auto }
    let haveRepeats = runs.contains { $0.repeats > 1 }
    let havePlaces = comparisons.contains { !$0.ranking.isOneTie }
    // Leaves out the columns of kinds of crawl that didn't run.
    typealias Column = (header: String, alignment: Table.Alignment)
    var columns: [Column] = [(haveModels ? "model" : "mechanism", .left)]
    if haveWindows { columns.append(("window", .right)) }
    columns += [
      ("wall", .right), ("\(unit)s/s", .right), ("cost each", .right),
    ]
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
    for (number, comparison) in comparisons.enumerated() {
      let places = comparison.ranking.places
      for (index, run) in comparison.runs.enumerated() where number == 0 || run.window != nil {
        let place = comparison.ranking.isOneTie ? nil : places[index]
        var cells = [comparison.names[index]]
        if haveWindows { cells.append(run.window?.description ?? "") }
        cells += costCells(run)
        if haveRepeats { cells.append(run.repeats > 1 ? Figure.percent(run.costMicroseconds.spread) : "") }
        cells.append(Figure.bar(run.costMicroseconds.median, of: largest, width: 8))
        if havePlaces { cells.append(place.map(String.init) ?? "") }
        cells += [
          Figure.time(microseconds: (run.cpuUserSeconds + run.cpuSystemSeconds) * 1e6),
          Figure.grouped(run.voluntarySwitches + run.involuntarySwitches),
        ]
        if haveModels { cells += [Figure.grouped(run.processes), Figure.grouped(run.threads)] }
        if haveProcesses { cells += channelCells(run) }
        cells.append(Figure.bytes(run.peakKilobytes * 1024))
        if haveModels { cells.append(Figure.bytes(run.grownKilobytes * 1024)) }
        table.add(cells)
      }
    }
    return layout.wrapped(heading) + "\n\n" + table.text(layout) + "\n\n"
      + layout.wrapped(legend(haveProcesses, haveWindows) + (conclusion.isEmpty ? "" : "\n\n" + conclusion))
  }

  private func costCells(_ run: CrawlSummary) -> [String] {
    let cost = run.costMicroseconds
    return [
      Figure.time(microseconds: run.wallSeconds * 1e6), Figure.short(run.pagesPerSecond),
      Figure.time(microseconds: cost.median),
    ]
  }

  private func channelCells(_ run: CrawlSummary) -> [String] {
    [
      run.dispatch.map { Figure.time(microseconds: $0.p50) } ?? "",
      run.dispatch.map { Figure.time(microseconds: $0.p99) } ?? "",
      run.channelBytes.map { Figure.bytes($0) } ?? "",
    ]
  }

  private var heading: String {
    let what =
      switch workload.kind {
      case "slow": "\(workload.pages) pages that each answer after \(workload.delayMilliseconds) ms"
      case "site": "a site of \(Figure.grouped(workload.pages)) linked pages"
      case "nothing": "\(Figure.grouped(workload.pages)) jobs that do nothing"
      default: "a real site, of which \(Figure.grouped(workload.pages)) pages were read"
      }
    let least = runs.map(\.repeats).min() ?? 0
    let most = runs.map(\.repeats).max() ?? 0
    let times = least == most ? "\(most)" : "\(least) to \(most)"
    return
      "\(what), \(workload.workers) \(haveModels ? "at once" : workload.workers == 1 ? "worker process" : "worker processes"), \(machine.cpus) CPUs (\(machine.cpu)), Linux \(machine.kernel)\n"
      + (most == 1
        ? "each once"
        : "each \(times) times, in turn, in orders that the seed \(workload.seed) determines; the figures are medians")
      + (isInterrupted
        ? "; interrupted: \(repeats) \(repeats == 1 ? "repeat was" : "repeats were") meant" : "")
  }

  /// What the columns mean.
  private func legend(_ haveProcesses: Bool, _ haveWindows: Bool) -> String {
    var lines: [String] = []
    if haveWindows {
      lines.append(
        "window: how many \(unit)s a worker holds. 1: each waits for the mechanism's wake-up; auto: as many as outweigh one."
      )
    }
    lines += [
      "wall: the time from the first \(unit) to the last.",
      "cost each: the coordination cost per \(unit): how much longer the crawl took than the work itself"
        + (runs.contains { $0.repeats > 1 } ? "; ±: half of its 95 % interval." : "."),
    ]
    if comparisons.contains(where: { !$0.ranking.isOneTie }) {
      lines.append(
        "place: by cost; those with the same place are tied: the repeats don't tell them apart (sign-flip tests of all pairs, Holm, 5 %)."
      )
    }
    lines.append("CPU, switches: CPU time and context switches of all processes; memory: their peak.")
    if haveModels {
      lines.append("threads: the most that were seen; grown: the part of the memory that the crawl added.")
    }
    if haveProcesses {
      lines.append(
        "dispatch p50, p99: from the coordinator's send until a worker has the \(unit); channel: bytes that were carried."
      )
    }
    return lines.joined(separator: "\n")
  }

  /// The main result, in a sentence for each comparison.
  private var conclusion: String {
    var lines = comparisons.compactMap(sentence)
    if let least = comparisons.filter(isTooFew).map({ Ranking.leastRepeats($0.runs.count) }).max() {
      let repeats = runs.map(\.repeats).min() ?? 0
      lines.append(
        "\(repeats == 1 ? "One repeat is" : "\(repeats) repeats are") too few to rank them: use --repeats \(least) or more."
      )
    }
    if let failed = runs.map(\.failed).max(), failed > 0, let page = failedPage {
      lines.append(
        "\(Figure.grouped(failed)) failed; the first: \(page.url): \(page.failure ?? "status \(page.status)")."
      )
    }
    let requeued = runs.reduce(0) { $0 + $1.requeued }
    if requeued > 0 {
      lines.append("\(Figure.grouped(requeued)) jobs of workers that died were given to others.")
    }
    return lines.joined(separator: "\n")
  }

  /// Whether no result of so few repeats could tell anything apart.
  private func isTooFew(_ comparison: Comparison) -> Bool {
    let repeats = comparison.runs.map(\.repeats).min() ?? 0
    return comparison.runs.count > 1 && repeats < Ranking.leastRepeats(comparison.runs.count)
  }

  private func sentence(_ comparison: Comparison) -> String? {
    guard comparison.runs.count > 1 else { return nil }
    let costs = comparison.runs.map(\.costMicroseconds.median)
    let span =
      "\(Figure.time(microseconds: costs.min() ?? 0)) to \(Figure.time(microseconds: costs.max() ?? 0)) per \(unit)"
    let window =
      switch comparison.window {
      case nil: "Coordination"
      case .jobs(1): "One \(unit) at a time, coordination"
      case .jobs(let count): "With up to \(count) \(unit)s in flight, coordination"
      case .auto: comparisons.count > 1 ? "With a full window, coordination" : "Coordination"
      }
    if isTooFew(comparison) { return "\(window) costs \(span)." }
    if comparison.ranking.isOneTie {
      return
        "\(window) costs \(span), and the repeats don't tell any of them apart: they are tied here, at this noise."
    }
    return "\(window) costs \(span). From the cheapest on: \(comparison.ranking.sentence(comparison.names))."
  }
}
