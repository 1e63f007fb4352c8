import Crawling
import IPC

/// One of the crawls that are compared: a model in one process, or worker processes over a mechanism.
enum CrawlConfiguration {
  case model(any CrawlModel.Type)
  /// Distributed actors in worker processes.
  case actors(Mechanism)
  case processes(Mechanism, CrawlWindow)

  /// Whether each worker is a process.
  var usesProcesses: Bool { if case .model = self { false } else { true } }

  var name: String {
    switch self {
    case .model(let model): model.name
    case .actors(let mechanism): "\(CrawlModels.actors), \(mechanism)"
    case .processes(let mechanism, _): mechanism.name
    }
  }

  /// How many jobs a worker holds at a time; nil where the crawl has no worker pool.
  var window: CrawlWindow? { if case .processes(_, let window) = self { window } else { nil } }

  func crawl(_ plan: CrawlPlan) throws -> any RunnableCrawl {
    switch self {
    case .model(let model): try ModelCrawl(plan, in: model)
    case .actors(let mechanism): try ActorCrawl(plan, over: mechanism)
    case .processes(let mechanism, let window): Crawl(plan, over: mechanism, window: window)
    }
  }
}

/// What every kind of crawl offers.
protocol RunnableCrawl: AnyObject, Sendable {
  func run() throws -> (run: CrawlRun, pages: [PageRecord])
  func cancel()
  var progress: (done: Int, known: Int) { get }
  var isCutOff: Bool { get }
}

extension Crawl: RunnableCrawl {}
extension ActorCrawl: RunnableCrawl {}
extension ModelCrawl: RunnableCrawl {}
