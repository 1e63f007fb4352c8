import ConcurrencyModels
import Synchronization
package import SystemCalls

/// One crawl in one model, in this process.
package final class ModelCrawl: Sendable {
  private let model: any CrawlModel.Type
  private let work: CrawlWork
  private let threads: ThreadCount

  private final class ThreadCount: Sendable {
    let most = Atomic<Int>(0)
    let kilobytes = Atomic<Int>(0)
    private let pages: Int

    init(pages: Int) { self.pages = pages }

    /// Counts the threads after 1, 2, 4, … pages: counting them is slow. The memory is looked at once, past the middle.
    func update(_ done: Int) {
      guard done.nonzeroBitCount == 1 else { return }
      most.max(CrawlMeter.threads(), ordering: .relaxed)
      if done * 2 > pages { kilobytes.max(CrawlMeter.proportionalKilobytes(), ordering: .relaxed) }
    }
  }

  package init(_ plan: CrawlPlan, in model: any CrawlModel.Type) throws(SystemError) {
    self.model = model
    var plan = plan
    plan.workers = min(plan.workers, model.most)
    let threads = ThreadCount(pages: min(plan.pages, plan.limit))
    self.threads = threads
    work = try CrawlWork(plan) { done in threads.update(done) }
  }

  /// Ends it at once, from any thread.
  package func cancel() { work.cancel() }

  package var progress: (done: Int, known: Int) { work.progress }

  /// What the crawl has left out so far.
  package var leftOut: LeftOut { work.leftOut }
  /// The first addresses that led to other sites.
  package var moves: [Move] { work.moves }

  package func run() throws -> (run: CrawlRun, pages: [PageRecord]) {
    // Each page that is being fetched needs a descriptor.
    Processes.raiseDescriptorLimit()
    defer { work.client.connections.close() }
    var meter = CrawlMeter()
    let start = Clock.now()
    do {
      try model.crawl(work)
    } catch {
      // A model that is cancelled may end with an error.
      guard work.isCancelled else { throw error }
    }
    let wall = Double(Clock.now() - start) / 1e9
    let cost = meter.end()
    let pages = work.pages
    let figures = work.figures
    var run = CrawlRun(
      model: model.name, workers: work.limit, pages: figures.done, failed: figures.failed, wall: wall,
      work: UInt64(figures.workMicroseconds) * 1000, cost: cost,
      threads: threads.most.load(ordering: .relaxed), processes: 1)
    let kilobytes = threads.kilobytes.load(ordering: .relaxed)
    run.proportionalKilobytes = kilobytes > 0 ? kilobytes : CrawlMeter.proportionalKilobytes()
    return (run, pages)
  }
}
