package import Measurement

/// How many jobs a worker holds at a time.
package enum CrawlWindow: Hashable, Sendable, Codable, CustomStringConvertible {
  /// At most so many: with one, each job costs the mechanism's wake-up.
  case jobs(Int)
  /// As many as outweigh a wake-up: a full window.
  case auto

  package var description: String {
    switch self {
    case .jobs(let count): String(count)
    case .auto: "auto"
    }
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    self = (try? container.decode(Int.self)).map { .jobs($0) } ?? .auto
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .jobs(let count): try container.encode(count)
    case .auto: try container.encode(description)
    }
  }
}

/// What the repeats of one crawl cost: medians, unless it says something else.
package struct CrawlSummary: Sendable, Encodable {
  package let model: String
  package let mechanism: String?
  /// Nil: the crawl has no worker pool.
  package let window: CrawlWindow?
  package let repeats: Int
  package let workers: Int
  package let pages: Int
  /// The most of any repeat.
  package let failed: Int
  /// Of all repeats.
  package let requeued: Int
  package let wallSeconds: Double
  package let pagesPerSecond: Double
  /// How much longer the crawl took, per page, than the work itself, with its interval.
  package let costMicroseconds: Estimate
  package let cpuUserSeconds: Double
  package let cpuSystemSeconds: Double
  package let voluntarySwitches: Int
  package let involuntarySwitches: Int
  package let threads: Int
  package let processes: Int
  package let dispatch: CrawlRun.Dispatch?
  package let channelBytes: Int?
  package let peakKilobytes: Int
  package let grownKilobytes: Int
  package let startSeconds: Double
  /// The cost of each repeat, in the order of the repeats.
  package let costs: [Double]
  /// The proportional set size of all processes together.
  package let proportionalKilobytes: Int
  /// What the time of all processes went into, per page, in nanoseconds; nil where it wasn't measured.
  package let parts: CrawlParts?

  /// Whether any page was read: a crawl of which every page failed says nothing of a speed.
  package var hasSpeed: Bool { pages == 0 || failed < pages }

  private enum CodingKeys: String, CodingKey {
    case model, mechanism, window, repeats, workers, pages, failed, requeued, threads, processes
    case wallSeconds = "wall_s"
    case pagesPerSecond = "pages_per_s"
    case costMicroseconds = "cost_us_per_page"
    case cpuUserSeconds = "cpu_user_s"
    case cpuSystemSeconds = "cpu_system_s"
    case voluntarySwitches = "switches_voluntary"
    case involuntarySwitches = "switches_involuntary"
    case dispatch = "dispatch_us"
    case channelBytes = "channel_bytes"
    case peakKilobytes = "peak_rss_kb"
    case grownKilobytes = "grown_rss_kb"
    case startSeconds = "start_s"
    case costs = "each_us_per_page"
    case proportionalKilobytes = "pss_kb"
    case work = "work_us"
    case library = "library_us"
    case system = "system_us"
    case runqueue = "runqueue_us"
    case waiting = "waiting_us"
    case wakeups
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(model, forKey: .model)
    try container.encodeIfPresent(mechanism, forKey: .mechanism)
    try container.encodeIfPresent(window, forKey: .window)
    try container.encode(repeats, forKey: .repeats)
    try container.encode(workers, forKey: .workers)
    try container.encode(pages, forKey: .pages)
    try container.encode(failed, forKey: .failed)
    try container.encode(requeued, forKey: .requeued)
    try container.encode(wallSeconds, forKey: .wallSeconds)
    if hasSpeed {
      try container.encode(pagesPerSecond, forKey: .pagesPerSecond)
      try container.encode(costMicroseconds, forKey: .costMicroseconds)
      try container.encode(costs, forKey: .costs)
    }
    try container.encode(cpuUserSeconds, forKey: .cpuUserSeconds)
    try container.encode(cpuSystemSeconds, forKey: .cpuSystemSeconds)
    try container.encode(voluntarySwitches, forKey: .voluntarySwitches)
    try container.encode(involuntarySwitches, forKey: .involuntarySwitches)
    try container.encode(threads, forKey: .threads)
    try container.encode(processes, forKey: .processes)
    try container.encodeIfPresent(dispatch, forKey: .dispatch)
    try container.encodeIfPresent(channelBytes, forKey: .channelBytes)
    try container.encode(proportionalKilobytes, forKey: .proportionalKilobytes)
    try container.encode(peakKilobytes, forKey: .peakKilobytes)
    try container.encode(grownKilobytes, forKey: .grownKilobytes)
    try container.encode(startSeconds, forKey: .startSeconds)
    guard let parts else { return }
    // The parts beside the cost, where a reader of the document looks for them.
    try container.encode(parts.work / 1000, forKey: .work)
    try container.encode(parts.library / 1000, forKey: .library)
    try container.encode(parts.system / 1000, forKey: .system)
    try container.encode(parts.runqueue / 1000, forKey: .runqueue)
    try container.encode(parts.waiting / 1000, forKey: .waiting)
    try container.encode(parts.wakeups, forKey: .wakeups)
  }

  /// - Parameters:
  ///   - runs: at least one.
  ///   - timed: further runs, of which only the parts count; empty where those of `runs` themselves do.
  ///   - seed: determines the interval's draws.
  package init(_ runs: [CrawlRun], timed: [CrawlRun] = [], window: CrawlWindow?, seed: UInt64) {
    func median(_ value: (CrawlRun) -> Double) -> Double { Statistics.median(runs.map(value)) }
    func median(_ value: (CrawlRun) -> Int) -> Int { Int(median { Double(value($0)) }.rounded()) }
    let last = runs[runs.count - 1]
    model = last.model
    mechanism = last.mechanism
    self.window = window
    repeats = runs.count
    workers = last.workers
    pages = last.pages
    failed = runs.map(\.failed).max() ?? 0
    requeued = runs.reduce(0) { $0 + $1.requeued }
    wallSeconds = median(\.wallSeconds)
    pagesPerSecond = median(\.pagesPerSecond)
    costs = runs.map(\.coordinationMicroseconds)
    costMicroseconds = Statistics.estimate(costs, seed: seed)
    cpuUserSeconds = median(\.cpuUserSeconds)
    cpuSystemSeconds = median(\.cpuSystemSeconds)
    voluntarySwitches = median(\.voluntarySwitches)
    involuntarySwitches = median(\.involuntarySwitches)
    threads = runs.map(\.threads).max() ?? 0
    processes = last.processes
    dispatch =
      last.dispatch == nil
      ? nil
      : CrawlRun.Dispatch(
        p50: median { $0.dispatch?.p50 ?? 0 }, p99: median { $0.dispatch?.p99 ?? 0 },
        max: runs.compactMap { $0.dispatch?.max }.max() ?? 0)
    channelBytes = last.channelBytes == nil ? nil : median { $0.channelBytes ?? 0 }
    peakKilobytes = median(\.peakKilobytes)
    grownKilobytes = median(\.grownKilobytes)
    startSeconds = median(\.startSeconds)
    proportionalKilobytes = median(\.proportionalKilobytes)
    parts = Self.parts(timed.isEmpty ? runs : timed, wall: wallSeconds * 1e9, processes: last.processes)
  }

  /// The shares that the parts have in their own runs, of what a page costs in the runs that count: timing the calls makes
  /// a run a little longer.
  private static func parts(_ runs: [CrawlRun], wall: Double, processes: Int) -> CrawlParts? {
    let shares = runs.compactMap { run -> CrawlParts? in
      guard let parts = run.parts, parts.sum > 0, run.pages > 0 else { return nil }
      var share = parts.scaled(by: 1 / parts.sum)
      share.wakeups = parts.wakeups / Double(run.pages)
      return share
    }
    guard let pages = runs.last?.pages, pages > 0, !shares.isEmpty else { return nil }
    let median = CrawlParts.median(shares, Statistics.median)
    guard median.sum > 0 else { return nil }
    var result = median.scaled(by: wall * Double(processes) / Double(pages) / median.sum)
    result.wakeups = median.wakeups
    return result
  }
}
