import IPC
import IPCWorkers
import Measurement
import SystemCalls

/// The cost of one crawl, once. CPU time, switches and memory are those of all its processes together, from when the workers
/// were ready.
package struct CrawlRun: Sendable, Codable {
  package struct Dispatch: Sendable, Codable {
    package let p50: Double
    package let p99: Double
    package let max: Double
  }

  /// `processes`, or one of ``CrawlModels``.
  package let model: String
  /// The mechanism between the processes; nil if there is one process.
  package private(set) var mechanism: String?
  /// The most pages that were fetched at once: worker processes, threads or tasks.
  package let workers: Int
  package let pages: Int
  package let failed: Int
  package private(set) var requeued = 0
  package let wallSeconds: Double
  package let pagesPerSecond: Double
  /// The coordination cost: how much longer the crawl took, per page, than the work itself.
  package let coordinationMicroseconds: Double
  package private(set) var cpuUserSeconds: Double
  package private(set) var cpuSystemSeconds: Double
  package private(set) var voluntarySwitches: Int
  package private(set) var involuntarySwitches: Int
  /// The largest number of threads of all processes that was seen.
  package let threads: Int
  package let processes: Int
  /// From the coordinator's send to the worker's receive, including the wait behind other jobs, in microseconds.
  package private(set) var dispatch: Dispatch?
  package private(set) var channelBytes: Int?
  package private(set) var peakKilobytes: Int
  /// How much of the peak the crawl added.
  package private(set) var grownKilobytes: Int
  /// The time of starting the workers, which `wallSeconds` doesn't include.
  package private(set) var startSeconds: Double = 0
  /// The proportional set size of all processes together: memory that several processes share counts once.
  package var proportionalKilobytes = 0
  /// What the time of all processes went into; nil where it wasn't measured.
  package var parts: CrawlParts?

  /// - Parameter work: the time of all pages together, in nanoseconds.
  init(
    model: String, workers: Int, pages: Int, failed: Int, wall: Double, work: UInt64, cost: CrawlCost,
    threads: Int, processes: Int
  ) {
    self.model = model
    self.workers = workers
    self.pages = pages
    self.failed = failed
    self.threads = threads
    self.processes = processes
    wallSeconds = wall
    pagesPerSecond = wall > 0 ? Double(pages) / wall : 0
    let each = Double(work) / 1e9 / Double(workers)
    coordinationMicroseconds = pages > 0 ? max(0, wall - each) * 1e6 / Double(pages) : 0
    cpuUserSeconds = Double(cost.usage.userNanoseconds) / 1e9
    cpuSystemSeconds = Double(cost.usage.systemNanoseconds) / 1e9
    voluntarySwitches = cost.usage.voluntarySwitches
    involuntarySwitches = cost.usage.involuntarySwitches
    peakKilobytes = cost.peakKilobytes
    grownKilobytes = cost.grownKilobytes
  }

  /// Adds what only processes have: the cost of the workers, and of reaching them.
  mutating func add(_ statistics: PoolStatistics, over mechanism: Mechanism, start: Double) {
    self.mechanism = mechanism.name
    requeued = statistics.requeued
    startSeconds = start
    let used = statistics.workers
    cpuUserSeconds += Double(used.userNanoseconds) / 1e9
    cpuSystemSeconds += Double(used.systemNanoseconds) / 1e9
    voluntarySwitches += used.voluntarySwitches
    involuntarySwitches += used.involuntarySwitches
    func microseconds(_ fraction: Double) -> Double {
      Double(statistics.dispatch.percentile(fraction)) / 1000
    }
    dispatch = Dispatch(
      p50: microseconds(0.5), p99: microseconds(0.99), max: Double(statistics.dispatch.max) / 1000)
    channelBytes = statistics.channelBytes
    peakKilobytes += used.peakKilobytes
    grownKilobytes += used.peakKilobytes
  }
}
