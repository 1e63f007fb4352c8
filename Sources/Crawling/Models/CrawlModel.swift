import ConcurrencyModels
import SystemCalls

/// A model of concurrency: a way in which one program has many pages on their way at once.
package protocol CrawlModel: SendableMetatype {
  static var name: String { get }
  /// How it waits, in a few words.
  static var summary: String { get }
  /// How many pages it has on their way at most, whatever is asked for.
  static var most: Int { get }
  /// Crawls until nothing is left, or the work is cancelled.
  static func crawl(_ work: CrawlWork) throws
}

extension CrawlModel {
  package static var most: Int { .max }
}

/// Every model there is but the processes, which are ``Crawl``'s: in the order in which one leads to the next.
package enum CrawlModels {
  package static let all: [any CrawlModel.Type] = [
    SequentialModel.self, ThreadsModel.self, CallbacksModel.self, FuturesModel.self, GeneratorsModel.self,
    AsyncModel.self, ChannelsModel.self, ActorsModel.self, SchedulerModel.self,
  ]

  /// The worker processes of ``Crawl``, which have their mechanisms.
  package static let processes = "processes"

  /// The model that there is in one process, and in several.
  package static var actors: String { ActorsModel.name }

  package static var names: [String] { all.map { $0.name } + [processes] }
}

/// What the models on an event loop share: as many pages at once as may be, each begun by `fetch`, which calls back.
enum LoopCrawl {
  /// So many are begun between two looks at what is ready: those that are connected ask for their page meanwhile, instead
  /// of waiting until the last one has begun.
  static let atOnce = 32

  static func run(
    _ work: CrawlWork, fetch: @escaping (EventLoop, CrawlJob, _ done: @escaping (CrawlPage) -> Void) -> Void
  ) throws {
    let loop = try EventLoop()
    work.whenCancelled { loop.stop() }
    var isPumping = false
    // Pages are waiting to be begun in the loop's next turn.
    var goesOn = false
    func pump() {
      // A page that is there at once must not begin the next on its own stack.
      if isPumping || goesOn { return }
      isPumping = true
      defer { isPumping = false }
      for _ in 0..<atOnce {
        guard let job = work.next() else {
          if work.isOver { loop.stop() }
          return
        }
        fetch(loop, job) { page in
          work.finish(job, page)
          pump()
        }
      }
      goOn()
    }
    // Not soon, which is before the loop looks what is ready.
    func goOn() {
      goesOn = true
      loop.after(0) {
        goesOn = false
        pump()
      }
    }
    goOn()
    try loop.run()
  }
}
