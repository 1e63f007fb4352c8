import Benchmarking
import Crawling
import IPC
import Measurement
import Synchronization
import SystemCalls

/// The crawls of one command: each configuration several times, in turn with the others.
final class CrawlSession: Sendable {
  struct Outcome {
    /// What each configuration cost, repeat by repeat.
    var runs: [[CrawlRun]]
    /// The pages of the first crawl.
    var pages: [PageRecord] = []
    /// A page that failed, in any of the crawls.
    var failedPage: PageRecord?
    /// Whether every crawl found the pages of the first, each once.
    var samePages = true
    var failure: Failure?
    var isInterrupted = false
    /// The limit left pages out: the crawls may have different ones.
    var isCutOff = false

    var count: Int { runs.reduce(0) { $0 + $1.count } }
  }

  private let options: CrawlOptions
  private let current = Mutex<(any RunnableCrawl)?>(nil)
  private let interrupted = InterruptFlag()

  init(_ options: CrawlOptions) { self.options = options }

  /// Ends the running crawl, and starts no other. The second call ends the process at once, without cleaning up.
  func interrupt() {
    if interrupted.isSet { Processes.exitNow(Failure.Kind.interrupted.rawValue) }
    interrupted.set()
    current.withLock { $0 }?.cancel()
  }

  func run() -> Outcome {
    var outcome = Outcome(runs: Array(repeating: [], count: options.configurations.count))
    do {
      var plan = options.plan
      if options.isEmbedded {
        Terminal.progress("starting the site…")
        let site = try EmbeddedSite.start(
          pages: plan.pages, delayMilliseconds: plan.delayMilliseconds, seed: plan.seed)
        // The slow pages are listed; those of a site are found from the first.
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
    if interrupted.isSet {
      outcome.failure = .interrupted
      outcome.isInterrupted = true
    }
    Terminal.endProgress()
    return outcome
  }

  private func run(_ plan: CrawlPlan, _ outcome: inout Outcome) throws {
    let configurations = options.configurations
    let total = configurations.count * options.repeats
    var random = SeededRandom(seed: plan.seed)
    var urls: Set<String>?
    // Once without measuring: what is made once, in this process and in the site's, is made then.
    if options.repeats > 1, plan.work == .site || plan.work == .nothing, let first = configurations.first {
      _ = try run(first, plan, "warming up")
    }
    for round in 0..<options.repeats {
      // In another order each time, so that what one leaves to the next is spread over all.
      for index in configurations.indices.shuffled(using: &random) {
        if interrupted.isSet { return }
        let configuration = configurations[index]
        let window = configuration.window.map { ", window \($0)" } ?? ""
        let place = "[\(outcome.count + 1) of \(total)] \(configuration.name)\(window), repeat \(round + 1)"
        let crawl = try run(configuration, plan, place)
        // What Ctrl-C cut off counts only where there is nothing else.
        if interrupted.isSet, outcome.count > 0 || crawl.run.pages == 0 { return }
        outcome.runs[index].append(crawl.run)
        outcome.isCutOff = outcome.isCutOff || crawl.isCutOff
        if outcome.pages.isEmpty { outcome.pages = crawl.pages }
        outcome.failedPage = outcome.failedPage ?? crawl.pages.first { $0.hasFailed }
        let found = Set(crawl.pages.map(\.url))
        if found.count != crawl.pages.count || found != urls ?? found { outcome.samePages = false }
        urls = urls ?? found
        if plan.work == .web, let first = crawl.pages.first, crawl.pages.count == 1,
          let failure = first.failure
        {
          throw Failure.work("\(first.url): \(failure): check the address, and that the server runs")
        }
      }
    }
  }

  private func run(
    _ configuration: CrawlConfiguration, _ plan: CrawlPlan, _ place: String
  ) throws -> (run: CrawlRun, pages: [PageRecord], isCutOff: Bool) {
    let crawl = try configuration.crawl(plan)
    current.withLock { $0 = crawl }
    // The signal may have arrived between the two.
    if interrupted.isSet { crawl.cancel() }
    let progress = CrawlProgress(place, crawl)
    defer { progress.stop() }
    let (run, pages) = try crawl.run()
    return (run, pages, crawl.isCutOff)
  }
}
