package import Measurement

/// Crawls that are compared with each other: those of worker processes with one window, and those without a window.
///
/// What follows from a crawl comes from here, for the terminal, the JSON document and the HTML report alike.
package struct CrawlContest {
  /// One crawl with one model, mechanism and window.
  package struct Entry {
    let model: String
    let mechanism: String?
    let window: String?
    let costs: [Double]
    let cost: Estimate

    /// - Parameters:
    ///   - mechanism: between the processes; nil: the model is one of a single process.
    ///   - window: how many jobs a worker holds: a number or `auto`; nil: the model has none.
    ///   - costs: the coordination cost of each repeat, in microseconds for each page or job.
    ///   - cost: the estimate that they give.
    package init(
      model: String, mechanism: String?, window: String?, costs: [Double], cost: Estimate
    ) {
      self.model = model
      self.mechanism = mechanism
      self.window = window
      self.costs = costs
      self.cost = cost
    }
  }

  /// The window of those that have one.
  package let window: String?
  /// Which of the entries are compared.
  package let indices: [Int]
  let contest: Contest
  /// What follows; nil: there is nothing to compare.
  let headline: Headline?

  package var names: [String] { contest.names }
  package var ranking: Ranking { contest.ranking }

  private init(
    _ window: String?, _ indices: [Int], _ entries: [Entry], _ names: [String], unit: String, seed: UInt64
  ) {
    self.window = window
    self.indices = indices
    contest = Contest(names, indices.map { entries[$0].costs }, seed: seed)
    headline =
      indices.count < 2
      ? nil
      : Headline(
        window == nil ? "a crawl" : "a crawl, \(Self.words(window, unit: unit))", contest,
        indices.map { entries[$0].cost },
        Self.write(unit))
  }

  /// One for each window, in the order of the entries: the full one last.
  package static func all(_ entries: [Entry], unit: String, seed: UInt64) -> [CrawlContest] {
    let windows = entries.compactMap(\.window).reduce(into: [String]()) { list, window in
      if !list.contains(window) { list.append(window) }
    }
    let haveModels = entries.contains { $0.mechanism == nil }
    return (windows.isEmpty ? [nil] : windows.map { $0 }).map { window in
      let indices = entries.indices.filter { entries[$0].window == nil || entries[$0].window == window }
      return CrawlContest(
        window, indices, entries, names(indices.map { entries[$0] }, haveModels: haveModels), unit: unit,
        seed: seed)
    }
  }

  /// Among models a mechanism's name alone would be unclear; a mechanism that was named twice was measured twice.
  private static func names(_ entries: [Entry], haveModels: Bool) -> [String] {
    var seen: [String: Int] = [:]
    return entries.map { entry in
      let name = entry.mechanism.map { haveModels ? "\(entry.model), \($0)" : $0 } ?? entry.model
      seen[name, default: 0] += 1
      return seen[name] == 1 ? name : "\(name) (\(seen[name] ?? 0))"
    }
  }

  /// What a window means.
  static func words(_ window: String?, unit: String) -> String {
    switch window {
    case nil: "the crawl"
    case "1": "one \(unit) at a time (window 1)"
    case "auto": "a full window (window auto)"
    case let window?: "up to \(window) \(unit)s at a time (window \(window))"
    }
  }

  private static func write(_ unit: String) -> (Double) -> String {
    { "\(Figure.time(microseconds: $0)) a \(unit)" }
  }

  /// A line for each comparison, as for the needs of the benchmark; then what the boundary between processes costs.
  /// - Parameter inOneProcess: the same crawl in one process.
  package static func headlines(
    _ contests: [CrawlContest], _ entries: [Entry], inOneProcess: [Entry], unit: String, seed: UInt64
  ) -> [Headline] {
    let found = contests.compactMap(\.headline)
    guard let threads = inOneProcess.first(where: { $0.model == threadPool }),
      let full = contests.last(where: { $0.window != nil })
    else { return found }
    let all = [threads] + full.indices.map { entries[$0] }
    let contest = Contest(["a pool of threads in one process"] + full.names, all.map(\.costs), seed: seed)
    return found + [
      Headline("a crawl, with or without other processes", contest, all.map(\.cost), write(unit))
    ]
  }

  /// The model of one process that is closest to a pool of worker processes.
  private static let threadPool = "threads"
}
