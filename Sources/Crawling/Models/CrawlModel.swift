import ConcurrencyModels
import SystemCalls

/// A model of concurrency: a way for one process to fetch many pages at once.
///
/// Adding a model is a file in this folder and a line in ``CrawlModels/all``.
package protocol CrawlModel: SendableMetatype {
  static var name: String { get }
  /// How it waits, in a line.
  static var summary: String { get }
  /// The most pages that it can fetch at once.
  static var most: Int { get }
  /// Crawls until no page is left, or the work is cancelled.
  static func crawl(_ work: CrawlWork) throws
}

extension CrawlModel {
  package static var most: Int { .max }
}

/// Every model that runs in one process, in an order in which each builds on those before.
package enum CrawlModels {
  package static let all: [any CrawlModel.Type] = [
    SequentialModel.self,
    ThreadsModel.self,
    CallbacksModel.self,
    FuturesModel.self,
    GeneratorsModel.self,
    AsyncModel.self,
    ChannelsModel.self,
    ActorsModel.self,
    SchedulerModel.self,
  ]

  /// The name of ``Crawl``'s model: worker processes, over a mechanism.
  package static let processes = "processes"

  /// The name of the model that runs in one process, and as ``ActorCrawl`` in several.
  package static var actors: String { ActorsModel.name }

  package static var names: [String] { all.map { $0.name } + [processes] }

  /// What worker processes are compared with: no concurrency at all, a pool of threads, and tasks.
  package static let baselines: [any CrawlModel.Type] = [
    SequentialModel.self, ThreadsModel.self, AsyncModel.self,
  ]
}

/// What the models on an event loop share: `fetch` starts each page, as many at once as the work allows, and calls back.
enum LoopCrawl {
  /// How many pages are started per turn of the loop, so that connections that are ready needn't wait until all pages have
  /// started.
  static let atOnce = 32

  static func run(
    _ work: CrawlWork, fetch: @escaping (EventLoop, CrawlJob, _ done: @escaping (CrawlPage) -> Void) -> Void
  ) throws {
    let loop = try EventLoop()
    work.whenCancelled { loop.stop() }
    var isStarting = false
    // Whether more pages are started in the loop's next turn.
    var isScheduled = false
    func startPages() {
      // A page that finishes at once must not start the next one on its own stack.
      if isStarting || isScheduled { return }
      isStarting = true
      defer { isStarting = false }
      for _ in 0..<atOnce {
        guard let job = work.next() else {
          if work.isOver { loop.stop() }
          return
        }
        fetch(loop, job) { page in
          work.finish(job, page)
          startPages()
        }
      }
      startLater()
    }
    // A timer, and not callSoon, which runs before the loop polls.
    func startLater() {
      isScheduled = true
      loop.after(0) {
        isScheduled = false
        startPages()
      }
    }
    startLater()
    try loop.run()
  }
}
