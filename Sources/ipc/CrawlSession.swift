import Benchmarking
import Crawling
import IPC
import Synchronization
import SystemCalls

/// The crawls of one command, one after the other.
final class CrawlSession: Sendable {
  struct Outcome {
    var runs: [CrawlRun] = []
    var pages: [[PageRecord]] = []
    var failure: Failure?
    /// The limit left pages out: the crawls may have different ones.
    var isCutOff = false
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
    var outcome = Outcome()
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
    if interrupted.isSet { outcome.failure = .interrupted }
    Terminal.endProgress()
    return outcome
  }

  private func run(_ plan: CrawlPlan, _ outcome: inout Outcome) throws {
    let configurations = options.configurations
    for (index, configuration) in configurations.enumerated() {
      if interrupted.isSet { return }
      let crawl = try configuration.crawl(plan)
      current.withLock { $0 = crawl }
      // The signal may have arrived between the two.
      if interrupted.isSet { crawl.cancel() }
      let progress = CrawlProgress("[\(index + 1)/\(configurations.count)] \(configuration.name)", crawl)
      defer { progress.stop() }
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
