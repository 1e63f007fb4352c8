package import Measurement

/// How many jobs a worker holds at a time.
package enum CrawlWindow: Hashable, Sendable, Encodable, CustomStringConvertible {
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

  enum CodingKeys: String, CodingKey {
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
  }

  /// - Parameters:
  ///   - runs: at least one.
  ///   - seed: determines the interval's draws.
  package init(_ runs: [CrawlRun], window: CrawlWindow?, seed: UInt64) {
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
  }
}
