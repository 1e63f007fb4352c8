import IPC
import SystemCalls

/// What one crawl cost. Processor time, switches and memory are of the coordinator and all workers together, from
/// the moment the workers were ready.
package struct CrawlRun: Sendable, Encodable {
  package struct Dispatch: Sendable, Encodable {
    package let p50: Double
    package let p99: Double
    package let max: Double
  }

  package let mechanism: String
  package let workers: Int
  package let pages: Int
  package let failed: Int
  package let requeued: Int
  package let wallSeconds: Double
  package let pagesPerSecond: Double
  /// How much longer the crawl took, per page, than the workers' own work would have.
  package let coordinationMicroseconds: Double
  package let cpuUserSeconds: Double
  package let cpuSystemSeconds: Double
  package let voluntarySwitches: Int
  package let involuntarySwitches: Int
  /// From the coordinator's send to the worker's receive, waiting behind other jobs included, in microseconds.
  package let dispatch: Dispatch
  package let channelBytes: Int
  package let peakKilobytes: Int
  /// Starting the workers, which isn't in `wallSeconds`.
  package let startSeconds: Double

  enum CodingKeys: String, CodingKey {
    case mechanism, workers, pages, failed, requeued
    case wallSeconds = "wall_s"
    case pagesPerSecond = "pages_per_s"
    case coordinationMicroseconds = "coordination_us_per_page"
    case cpuUserSeconds = "cpu_user_s"
    case cpuSystemSeconds = "cpu_system_s"
    case voluntarySwitches = "switches_voluntary"
    case involuntarySwitches = "switches_involuntary"
    case dispatch = "dispatch_us"
    case channelBytes = "channel_bytes"
    case peakKilobytes = "peak_rss_kb"
    case startSeconds = "start_s"
  }

  init(
    mechanism: String, workers: Int, pages: Int, failed: Int, wall: Double, start: Double,
    statistics: PoolStatistics,
    before: Processes.Usage, after: Processes.Usage, peakKilobytes: Int
  ) {
    self.mechanism = mechanism
    self.workers = workers
    self.pages = pages
    self.failed = failed
    requeued = statistics.requeued
    wallSeconds = wall
    startSeconds = start
    pagesPerSecond = wall > 0 ? Double(pages) / wall : 0
    let work = Double(statistics.workNanoseconds) / 1e9 / Double(workers)
    coordinationMicroseconds = pages > 0 ? max(0, wall - work) * 1e6 / Double(pages) : 0
    let used = statistics.workers
    cpuUserSeconds = Double(after.userNanoseconds - before.userNanoseconds + used.userNanoseconds) / 1e9
    cpuSystemSeconds =
      Double(after.systemNanoseconds - before.systemNanoseconds + used.systemNanoseconds) / 1e9
    voluntarySwitches = after.voluntarySwitches - before.voluntarySwitches + used.voluntarySwitches
    involuntarySwitches = after.involuntarySwitches - before.involuntarySwitches + used.involuntarySwitches
    func microseconds(_ fraction: Double) -> Double {
      Double(statistics.dispatch.percentile(fraction)) / 1000
    }
    dispatch = Dispatch(
      p50: microseconds(0.5), p99: microseconds(0.99), max: Double(statistics.dispatch.max) / 1000)
    channelBytes = statistics.channelBytes
    self.peakKilobytes = peakKilobytes + used.peakKilobytes
  }
}
