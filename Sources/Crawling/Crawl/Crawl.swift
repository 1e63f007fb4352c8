package import IPC
import IPCWorkers
import Synchronization
import SystemCalls

/// What is crawled, with how many workers, and how far.
package struct CrawlPlan: Sendable, Codable {
  package enum Workload: String, Sendable, CaseIterable, Codable {
    /// Ten listed pages that each answer after one second.
    case slow
    /// A generated site of linked pages without delay.
    case site
    /// Jobs that do nothing.
    case nothing
    /// A real site.
    case web

    /// Those that the tool makes by itself.
    package static let generated: [Workload] = [.slow, .site, .nothing]
  }

  package var work: Workload
  package var workers: Int
  package var pages: Int
  package var delayMilliseconds: Int
  package var seed: UInt64
  package var seeds: [String] = []
  /// What is sent as the header field Authorization, for each origin of a seed that has credentials.
  package private(set) var authorizations: [String: String] = [:]
  package var deepest: UInt32 = .max
  package var limit = Int.max
  /// Whether the parts of what a page costs are measured, which makes each system call a little dearer.
  package var measuresParts = false
  /// The path of the workers' program; nil: this program.
  package var workerProgram: String?
  /// The arguments with which that program serves as a worker.
  package var workerArguments: [String]
  /// The arguments with which this program serves as a process that hosts an actor.
  package var actorArguments: [String]

  package init(
    work: Workload, workers: Int, pages: Int, delayMilliseconds: Int, seed: UInt64, workerArguments: [String],
    actorArguments: [String]
  ) {
    self.work = work
    self.workers = workers
    self.pages = pages
    self.delayMilliseconds = delayMilliseconds
    self.seed = seed
    self.workerArguments = workerArguments
    self.actorArguments = actorArguments
  }

  /// Adds an address to begin with. Its credentials are used for every page of its origin, and for no other.
  package mutating func add(seed: PageURL) {
    seeds.append(seed.text)
    if let credentials = seed.credentials { authorizations[seed.origin] = credentials.authorization }
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
  private let window: CrawlWindow
  private let frontier: Frontier
  private let work = Locked(Work())
  /// How many of the jobs that do nothing are done.
  private let done = Atomic<Int>(0)
  private let failed = Atomic<Int>(0)
  /// The largest number of threads seen.
  private let threads = Atomic<Int>(0)

  package init(_ plan: CrawlPlan, over mechanism: Mechanism, window: CrawlWindow = .auto) {
    self.plan = plan
    self.mechanism = mechanism
    self.window = window
    frontier = Frontier(plan)
  }

  /// Runs a worker. Call it where the program was started with the worker arguments.
  ///
  /// - Parameter secure: Fetches an `https` page; nil: such pages fail.
  package static func serve(https secure: ((_ job: CrawlJob) -> CrawlPage)? = nil) throws(ChannelError) {
    let fetcher = JobFetcher(https: secure)
    guard var times = try? Sender<WorkerTimes>(inherited: WorkerMeter.endpoint),
      var meter = try? WorkerMeter()
    else {
      return try WorkerPool<CrawlJob, CrawlPage>.serve { job in fetcher.page(job) }
    }
    try WorkerPool<CrawlJob, CrawlPage>.serve { job in
      // A job that does nothing has no work to measure.
      job.url.isEmpty ? fetcher.page(job) : meter.measure { fetcher.page(job) }
    }
    // Without it the coordinator knows that this worker's times are missing.
    try? times.send(meter.total())
  }

  /// Ends it at once, from any thread.
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

  /// What the crawl has left out so far.
  package var leftOut: LeftOut { frontier.leftOut }
  /// The first addresses that led to other sites.
  package var moves: [Move] { frontier.moves }

  /// The workers' process ids, while it runs.
  package var workerProcesses: [Int: Int32] { work.withLock { $0.pool }?.workerProcesses ?? [:] }

  private func countThreads() {
    let count = workerProcesses.values.reduce(CrawlMeter.threads()) { $0 + CrawlMeter.threads(of: $1) }
    threads.max(count, ordering: .relaxed)
  }

  package func run() throws(ChannelError) -> (run: CrawlRun, pages: [PageRecord]) {
    var meter = CrawlMeter()
    let partsMeter = plan.measuresParts ? PartsMeter() : nil
    var options = WorkerPoolOptions(workers: plan.workers, over: mechanism)
    if let partsMeter { options.prepare = partsMeter.prepare }
    options.executable = plan.workerProgram
    options.arguments = plan.workerArguments
    options.mustCall = nil
    if case .jobs(let count) = window { options.largestWindow = count }
    let starting = Clock.now()
    let pool = try WorkerPool<CrawlJob, CrawlPage>(options)
    let isCancelled = work.withLock { work in
      work.pool = pool
      return work.isCancelled
    }
    if isCancelled { pool.cancel() }
    partsMeter?.begin()
    let start = Clock.now()
    if plan.work == .nothing {
      pool.process(repeatElement(CrawlJob(url: ""), count: plan.pages)) { [self] outcome in
        if done.load(ordering: .relaxed).nonzeroBitCount <= 1 { countThreads() }
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
      pool.process(frontier.seed(plan.seeds)) { [self] outcome in
        // After 1, 2, 4, … pages: counting threads is slow.
        if frontier.progress.done.nonzeroBitCount <= 1 { countThreads() }
        return frontier.take(outcome)
      }
    }
    let wall = Double(Clock.now() - start) / 1e9
    partsMeter?.end()
    let memory = CrawlMeter.proportionalKilobytes(of: Array(pool.workerProcesses.values))
    pool.close()
    work.withLock { $0.pool = nil }
    let cost = meter.end()
    let pages = frontier.pages
    let isNothing = plan.work == .nothing
    var run = CrawlRun(
      model: CrawlModels.processes, workers: plan.workers,
      pages: isNothing ? done.load(ordering: .relaxed) : pages.count,
      failed: isNothing ? failed.load(ordering: .relaxed) : pages.count { $0.hasFailed },
      wall: wall, work: pool.statistics.workNanoseconds, cost: cost,
      threads: threads.load(ordering: .relaxed), processes: 1 + plan.workers)
    run.add(pool.statistics, over: mechanism, start: Double(start - starting) / 1e9)
    run.proportionalKilobytes = memory
    run.parts = partsMeter?.parts(wall: wall * 1e9, workers: plan.workers)
    return (run, pages)
  }
}
