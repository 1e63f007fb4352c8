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

    /// With the first page, the second, the fourth: often enough, and not with every page.
    func look(_ done: Int) {
      if done.nonzeroBitCount == 1 { most.max(CrawlMeter.threads(), ordering: .relaxed) }
    }
  }

  package init(_ plan: CrawlPlan, in model: any CrawlModel.Type) throws(SystemError) {
    self.model = model
    var plan = plan
    plan.workers = min(plan.workers, model.most)
    let threads = ThreadCount()
    self.threads = threads
    work = try CrawlWork(plan) { done in threads.look(done) }
  }

  /// Ends it now, from any thread.
  package func cancel() { work.cancel() }

  package var progress: (done: Int, known: Int) { work.progress }

  /// Whether the limit left pages out.
  package var isCutOff: Bool { work.isCutOff }

  package func run() throws -> (run: CrawlRun, pages: [PageRecord]) {
    // As many descriptors as the user may have: each page that is on its way takes one.
    Processes.raiseDescriptorLimit()
    var meter = CrawlMeter()
    let start = Clock.now()
    do {
      try model.crawl(work)
    } catch {
      // A model may well end with an error when it is told to end.
      guard work.isCancelled else { throw error }
    }
    let wall = Double(Clock.now() - start) / 1e9
    let cost = meter.end()
    let pages = work.pages
    let figures = work.figures
    let run = CrawlRun(
      model: model.name, workers: work.limit, pages: figures.done, failed: figures.failed, wall: wall,
      work: UInt64(figures.workMicroseconds) * 1000, cost: cost,
      threads: threads.most.load(ordering: .relaxed), processes: 1)
    return (run, pages)
  }
}
