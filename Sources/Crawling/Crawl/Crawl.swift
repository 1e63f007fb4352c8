import Foundation
package import IPC
import Synchronization
import SystemCalls

/// What is crawled, by how many, and how far.
package struct CrawlPlan: Sendable {
  package enum Work: String, Sendable, CaseIterable {
    /// Ten known pages that each answer after one second.
    case slow
    /// A generated site of linked pages without delay.
    case site
    /// Jobs that do nothing.
    case nothing
    /// A real site.
    case web
  }

  package var work: Work
  package var workers: Int
  package var pages: Int
  package var delayMilliseconds: Int
  package var seed: UInt64
  package var seeds: [String] = []
  package var deepest: UInt32 = .max
  package var limit = Int.max
  /// The arguments with which this program serves as a worker.
  package var workerArguments: [String]

  package init(
    work: Work, workers: Int, pages: Int, delayMilliseconds: Int, seed: UInt64, workerArguments: [String]
  ) {
    self.work = work
    self.workers = workers
    self.pages = pages
    self.delayMilliseconds = delayMilliseconds
    self.seed = seed
    self.workerArguments = workerArguments
  }
}

/// One crawl: over one mechanism, from the first job to the last page.
package final class Crawl: Sendable {
  private struct Work {
    var pool: WorkerPool<CrawlJob, CrawlPage>?
    var isCancelled = false
  }

  private let plan: CrawlPlan
  private let mechanism: Mechanism
  private let frontier: Frontier
  private let work = Mutex(Work())
  /// For jobs that do nothing: how many were done.
  private let done = Atomic<Int>(0)
  private let failed = Atomic<Int>(0)

  package init(_ plan: CrawlPlan, over mechanism: Mechanism) {
    self.plan = plan
    self.mechanism = mechanism
    frontier = Frontier(
      sites: Set(plan.seeds.map(Frontier.site)), deepest: plan.deepest, limit: plan.limit,
      followsLinks: plan.work != .slow)
  }

  /// A worker's life: call it where the program was started with the worker arguments.
  package static func serve() throws(ChannelError) {
    // Made with the first page: jobs that do nothing need no network.
    var fetcher: PageFetcher?
    try WorkerPool<CrawlJob, CrawlPage>.serve { job in
      if job.url.isEmpty { return CrawlPage() }
      let ready = fetcher ?? PageFetcher()
      fetcher = ready
      return ready.fetch(job.url)
    }
  }

  /// Ends it now, from any thread.
  package func cancel() {
    let pool = work.withLock { work in
      work.isCancelled = true
      return work.pool
    }
    pool?.cancel()
  }

  package var progress: (done: Int, known: Int) {
    plan.work == .nothing ? (done.load(ordering: .relaxed), plan.pages) : frontier.progress
  }

  /// Whether the limit left pages out.
  package var isCutOff: Bool { frontier.isCutOff }

  /// The workers' process ids, while it runs.
  package var workerProcesses: [Int: Int32] { work.withLock { $0.pool }?.workerProcesses ?? [:] }

  package func run() throws(ChannelError) -> (run: CrawlRun, pages: [PageRecord]) {
    MemoryPeak.reset()
    let before = Processes.usageOfThisProcess()
    var options = WorkerPoolOptions(workers: plan.workers, over: mechanism)
    options.arguments = plan.workerArguments
    let starting = Clock.now()
    let pool = try WorkerPool<CrawlJob, CrawlPage>(options)
    let isCancelled = work.withLock { work in
      work.pool = pool
      return work.isCancelled
    }
    if isCancelled { pool.cancel() }
    let start = Clock.now()
    if plan.work == .nothing {
      pool.process(repeatElement(CrawlJob(url: ""), count: plan.pages)) { [self] outcome in
        switch outcome.result {
        case .success: done.add(1, ordering: .relaxed)
        case .failure(.cancelled): break
        case .failure:
          done.add(1, ordering: .relaxed)
          failed.add(1, ordering: .relaxed)
        }
        return []
      }
    } else {
      pool.process(frontier.seed(plan.seeds)) { [self] outcome in frontier.take(outcome) }
    }
    let wall = Double(Clock.now() - start) / 1e9
    pool.close()
    work.withLock { $0.pool = nil }
    let after = Processes.usageOfThisProcess()
    let pages = frontier.pages
    let run = CrawlRun(
      mechanism: mechanism.name, workers: plan.workers,
      pages: plan.work == .nothing ? done.load(ordering: .relaxed) : pages.count,
      failed: plan.work == .nothing ? failed.load(ordering: .relaxed) : pages.count { $0.hasFailed },
      wall: wall, start: Double(start - starting) / 1e9, statistics: pool.statistics, before: before,
      after: after,
      peakKilobytes: MemoryPeak.kilobytes)
    return (run, pages)
  }
}

/// The most memory that this process has had since it was last asked to forget: proc(5), clear_refs and VmHWM.
enum MemoryPeak {
  static func reset() {
    guard let file = try? Files.open("/proc/self/clear_refs", .write) else { return }
    try? Files.writeText(file, "5")
  }

  static var kilobytes: Int {
    guard let text = try? Files.readText("/proc/self/status") else { return 0 }
    for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }
    return 0
  }
}
