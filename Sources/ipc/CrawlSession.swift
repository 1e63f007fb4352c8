import Benchmarking
import Crawling
import IPC
import Measurement
import Synchronization
import SystemCalls

/// The crawls of one call, one after the other.
final class CrawlSession: Sendable {
  struct Outcome {
    var runs: [CrawlRun] = []
    var pages: [[PageRecord]] = []
    var failure: Failure?
    /// The limit left pages out, so the mechanisms needn't have the same ones.
    var isCutOff = false
  }

  private let options: CrawlOptions
  private let current = Mutex<(any RunnableCrawl)?>(nil)
  private let interrupted = Interrupted()

  init(_ options: CrawlOptions) { self.options = options }

  /// Ends the crawl that runs, and starts no other. A second time: at once, without cleaning up.
  func interrupt() {
    if interrupted.isSet { Processes.exitNow(Failure.Kind.interrupted.rawValue) }
    interrupted.set()
    current.withLock { $0 }?.cancel()
  }

  func run() -> Outcome {
    var outcome = Outcome()
    do {
      var plan = options.plan
      if options.isEmbedded {
        Terminal.progress("starting the site…")
        let site = try EmbeddedSite.start(
          pages: plan.pages, delayMilliseconds: plan.delayMilliseconds, seed: plan.seed)
        // The slow pages are known; the site's are found from the first.
        plan.seeds =
          plan.work == .slow
          ? (0..<plan.pages).map { String(site.url.dropLast()) + SitePlan.path($0) } : [site.url]
        try run(plan, &outcome)
      } else {
        try run(plan, &outcome)
      }
    } catch let failure as Failure {
      outcome.failure = failure
    } catch let error as ChannelError {
      outcome.failure = interrupted.isSet ? .interrupted : .work(error.description)
    } catch {
      outcome.failure = .work("\(error)")
    }
    if interrupted.isSet { outcome.failure = .interrupted }
    Terminal.endProgress()
    return outcome
  }

  private func run(_ plan: CrawlPlan, _ outcome: inout Outcome) throws {
    let entrants = options.entrants
    for (index, entrant) in entrants.enumerated() {
      if interrupted.isSet { return }
      let crawl = try entrant.crawl(plan)
      current.withLock { $0 = crawl }
      // The signal may have come between the two.
      if interrupted.isSet { crawl.cancel() }
      let watcher = ProgressWatcher("[\(index + 1)/\(entrants.count)] \(entrant.name)", crawl)
      defer { watcher.stop() }
      let (run, pages) = try crawl.run()
      outcome.runs.append(run)
      outcome.pages.append(pages)
      outcome.isCutOff = outcome.isCutOff || crawl.isCutOff
      if plan.work == .web, let first = pages.first, pages.count == 1, let failure = first.failure {
        throw Failure.work("\(first.url): \(failure): check the address, and that the server runs")
      }
    }
  }
}

/// One of the crawls that are compared: a model in this process, or worker processes over a mechanism.
enum CrawlEntrant {
  case model(any CrawlModel.Type)
  /// Distributed actors in worker processes.
  case actors(Mechanism)
  case processes(Mechanism)

  var name: String {
    switch self {
    case .model(let model): model.name
    case .actors(let mechanism): "\(CrawlModels.actors), \(mechanism)"
    case .processes(let mechanism): mechanism.name
    }
  }

  func crawl(_ plan: CrawlPlan) throws -> any RunnableCrawl {
    switch self {
    case .model(let model): try ModelCrawl(plan, in: model)
    case .actors(let mechanism): try ActorCrawl(plan, over: mechanism)
    case .processes(let mechanism): Crawl(plan, over: mechanism)
    }
  }
}

/// What both kinds of crawl can be asked.
protocol RunnableCrawl: AnyObject, Sendable {
  func run() throws -> (run: CrawlRun, pages: [PageRecord])
  func cancel()
  var progress: (done: Int, known: Int) { get }
  var isCutOff: Bool { get }
}

extension Crawl: RunnableCrawl {}
extension ActorCrawl: RunnableCrawl {}
extension ModelCrawl: RunnableCrawl {}

/// Writes how far a crawl is, four times a second, to a terminal.
final class ProgressWatcher: Sendable {
  private let stopped = Interrupted()

  init(_ label: String, _ crawl: any RunnableCrawl) {
    guard Terminal.hasProgress else { return }
    let stopped = self.stopped
    try? Threads.start(name: "ipc-progress") {
      while !stopped.isSet {
        let (done, known) = crawl.progress
        Terminal.progress("\(label): \(Figure.grouped(done)) of \(Figure.grouped(known))")
        Clock.sleep(nanoseconds: 250_000_000)
      }
    }
  }

  func stop() { stopped.set() }
}
