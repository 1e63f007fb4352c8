import Crawling
import IPC

/// One of the crawls that are compared: a model in one process, or worker processes over a mechanism.
enum CrawlConfiguration: Codable, Sendable {
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

extension CrawlConfiguration {
  private enum Key: String, CodingKey { case model, mechanism, window }

  /// The names, from which the process that crawls finds the rest.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .model(let model): try container.encode(model.name, forKey: .model)
    case .actors(let mechanism): try container.encode(mechanism.name, forKey: .mechanism)
    case .processes(let mechanism, let window):
      try container.encode(mechanism.name, forKey: .mechanism)
      try container.encode(window, forKey: .window)
    }
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    if let name = try container.decodeIfPresent(String.self, forKey: .model) {
      guard let model = CrawlModels.all.first(where: { $0.name == name }) else {
        throw Failure.unknown("model", name, CrawlModels.names)
      }
      self = .model(model)
      return
    }
    let mechanism = try Mechanism(named: try container.decode(String.self, forKey: .mechanism))
    if let window = try container.decodeIfPresent(CrawlWindow.self, forKey: .window) {
      self = .processes(mechanism, window)
    } else {
      self = .actors(mechanism)
    }
  }
}

/// What every kind of crawl offers.
protocol RunnableCrawl: AnyObject, Sendable {
  func run() throws -> (run: CrawlRun, pages: [PageRecord])
  func cancel()
  var progress: (done: Int, known: Int) { get }
  var leftOut: LeftOut { get }
  var moves: [Move] { get }
}

extension Crawl: RunnableCrawl {}
extension ActorCrawl: RunnableCrawl {}
extension ModelCrawl: RunnableCrawl {}
