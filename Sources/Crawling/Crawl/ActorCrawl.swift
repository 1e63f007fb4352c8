import Dispatch
import Distributed
package import IPC
import IPCActors
import IPCWorkers
import Measurement
import Synchronization
package import SystemCalls

/// Fetches pages. Each worker process has one, which the coordinator's process calls.
distributed actor PageActor {
  typealias ActorSystem = IPCActorSystem
  private let fetcher = JobFetcher()

  /// What its process has used.
  distributed func usage() -> Processes.Usage { Processes.getrusage() }

  /// Fetches a page. `sentAt` is when the caller made the call (CLOCK_MONOTONIC, in nanoseconds).
  distributed func fetch(_ job: CrawlJob, sentAt: UInt64) -> FetchedPage {
    let start = Clock.now()
    let page = fetcher.page(job)
    return FetchedPage(
      page: page, dispatch: start > sentAt ? start - sentAt : 0, took: Clock.now() - start)
  }
}

/// One crawl by actors: a distributed actor in each of several processes, over one mechanism.
package final class ActorCrawl: Sendable {
  private struct Work: Sendable {
    var peers: [Int: ActorPeer] = [:]
    var statistics = PoolStatistics()
    var isCancelled = false
  }

  /// How many processes may die over a page before it is given up.
  private static let attempts = 3
  /// Concurrent calls of an actor: one page at a time; of jobs that do nothing, enough to make up for a wake-up.
  private let callsEach: Int
  private static let jobsAtOnce = 32

  private let plan: CrawlPlan
  private let mechanism: Mechanism
  private let system = IPCActorSystem()
  private let pages: CrawlWork
  private let queue: CrawlQueue
  private let work = Locked(Work())
  private let threads = Atomic<Int>(0)

  package init(_ plan: CrawlPlan, over mechanism: Mechanism) throws(SystemError) {
    self.plan = plan
    self.mechanism = mechanism
    callsEach = plan.work == .nothing ? Self.jobsAtOnce : 1
    var paced = plan
    paced.workers *= callsEach
    pages = try CrawlWork(paced)
    queue = CrawlQueue(pages)
  }

  /// Runs a worker. Call it where the program was started with the actors' arguments.
  package static func serve() throws {
    try IPCActorSystem.serve { system in try system.host("fetcher") { PageActor(actorSystem: $0) } }
  }

  /// Ends it at once, from any thread.
  package func cancel() {
    let peers = work.withLock { work in
      work.isCancelled = true
      return Array(work.peers.values)
    }
    pages.cancel()
    for peer in peers { peer.kill() }
  }

  package var progress: (done: Int, known: Int) { pages.progress }
  /// What the crawl has left out so far.
  package var leftOut: LeftOut { pages.leftOut }
  /// The first addresses that led to other sites.
  package var moves: [Move] { pages.moves }
  /// The workers' process ids, while it runs.
  package var workerProcesses: [Int: Int32] { work.withLock { $0.peers.compactMapValues(\.processID) } }

  package func run() throws -> (run: CrawlRun, pages: [PageRecord]) {
    var meter = CrawlMeter()
    let starting = Clock.now()
    defer { system.close() }
    for index in 0..<plan.workers where !pages.isCancelled { _ = try worker(index) }
    let end = DispatchSemaphore(value: 0)
    let failure = Locked<(any Error)?>(nil)
    // The workers are ready once they have answered.
    let start = Locked<UInt64?>(nil)
    Task(executorPreference: IPCActorSystem.executor) { [self] in
      do {
        for index in 0..<plan.workers { try await measure(index) }
        start.withLock { $0 = Clock.now() }
        try await crawl()
      } catch {
        failure.withLock { $0 = error }
      }
      end.signal()
    }
    end.wait()
    // A crawl that ended before it began took no time.
    let begun = start.withLock { $0 ?? Clock.now() }
    let wall = Double(Clock.now() - begun) / 1e9
    if let failure = failure.withLock({ $0 }), !work.withLock({ $0.isCancelled }) { throw failure }
    let memory = CrawlMeter.proportionalKilobytes(of: Array(workerProcesses.values))
    for index in 0..<plan.workers { finish(index) }
    let cost = meter.end()
    let figures = pages.figures
    let statistics = work.withLock { $0.statistics }
    var run = CrawlRun(
      model: ActorsModel.name, workers: plan.workers, pages: figures.done, failed: figures.failed, wall: wall,
      work: statistics.workNanoseconds, cost: cost, threads: threads.load(ordering: .relaxed),
      processes: 1 + plan.workers)
    run.add(statistics, over: mechanism, start: Double(begun - starting) / 1e9)
    run.proportionalKilobytes = memory
    return (run, pages.pages)
  }

  // MARK: The workers

  /// Starts a process, again if it dies before it connects.
  private func spawn() throws(ChannelError) -> ActorPeer {
    for _ in 1..<Self.attempts where !pages.isCancelled {
      do throws(ChannelError) {
        return try system.spawn(nil, arguments: plan.actorArguments, over: mechanism, mustCall: nil)
      } catch {
        guard error.code == .closed else { throw error }
      }
    }
    return try system.spawn(nil, arguments: plan.actorArguments, over: mechanism, mustCall: nil)
  }

  private func worker(_ index: Int) throws -> ActorPeer {
    let peer = try spawn()
    let isCancelled = work.withLock { work in
      work.peers[index] = peer
      work.statistics.workersStarted += 1
      return work.isCancelled
    }
    if isCancelled { peer.kill() }
    return peer
  }

  /// The actor of a worker.
  /// - Parameter peer: nil while the worker is being replaced.
  private func fetcher(_ peer: ActorPeer?) throws -> PageActor {
    guard let peer else { throw IPCActorError.gone }
    return try peer.resolve(PageActor.self, named: "fetcher")
  }

  private func measure(_ index: Int) async throws {
    for _ in 1...Self.attempts {
      let peer = work.withLock { $0.peers[index] }
      do {
        let used = try await fetcher(peer).usage()
        peer?.record(used)
        return
      } catch let error as IPCActorError where [.peerGone, .notConnected].contains(error.code) {
        if pages.isCancelled { return }
        try await replace(index, peer)
      }
    }
  }

  /// Closes a worker's connection, and adds its cost.
  private func finish(_ index: Int) {
    guard let peer = work.withLock({ $0.peers.removeValue(forKey: index) }) else { return }
    peer.close()
    work.withLock { work in
      work.statistics.channelBytes += peer.bytesCarried
      if let usage = peer.usage { work.statistics.add(usage, since: peer.usageBefore ?? Processes.Usage()) }
    }
  }

  // MARK: The crawl

  private func crawl() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<plan.workers {
        for _ in 0..<callsEach { group.addTask { try await self.work(with: index) } }
      }
      do {
        try await group.waitForAll()
      } catch {
        // Ends the tasks that wait for pages.
        pages.cancel()
        throw error
      }
    }
  }

  private func work(with index: Int) async throws {
    while let job = await queue.next() {
      let page = try await page(job, index)
      if pages.progress.done.nonzeroBitCount <= 1 { countThreads() }
      queue.finish(job, page)
    }
  }

  private func page(_ job: CrawlJob, _ index: Int) async throws -> CrawlPage {
    var attempt = 0
    while attempt < Self.attempts {
      let peer = work.withLock { $0.peers[index] }
      // A worker that is being replaced didn't have the page.
      if peer != nil { attempt += 1 }
      do {
        let fetched = try await fetcher(peer).fetch(job, sentAt: Clock.now())
        work.withLock { work in
          work.statistics.dispatch.record(fetched.dispatch)
          work.statistics.workNanoseconds += fetched.took
        }
        return fetched.page
      } catch let error as IPCActorError
        where [.peerGone, .notConnected].contains(error.code) && !pages.isCancelled
      {
        if peer != nil, attempt < Self.attempts { work.withLock { $0.statistics.requeued += 1 } }
        try await replace(index, peer)
      } catch let error as IPCActorError {
        var page = CrawlPage()
        page.failure = error.description
        return page
      }
    }
    var page = CrawlPage()
    page.failure = "\(JobFailure.killedItsWorkers(Self.attempts))"
    return page
  }

  /// Replaces a dead process. The first task that sees the death does it.
  private func replace(_ index: Int, _ dead: ActorPeer?) async throws {
    // Starting a process blocks, which a task must not.
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      DispatchQueue.global().async {
        continuation.resume(
          with: Result {
            try self.replacing.withLock { _ in
              guard self.work.withLock({ $0.peers[index] }) === dead else { return }
              self.work.withLock { $0.statistics.workersDied += 1 }
              self.finish(index)
              _ = try self.worker(index)
            }
          })
      }
    }
  }
  private let replacing = Locked(())

  private func countThreads() {
    let count = workerProcesses.values.reduce(CrawlMeter.threads()) { $0 + CrawlMeter.threads(of: $1) }
    threads.max(count, ordering: .relaxed)
  }
}
