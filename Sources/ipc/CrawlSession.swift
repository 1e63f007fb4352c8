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
    /// Repeats of their own, of which only the parts of the cost count.
    var timed: [[CrawlRun]]
    /// The pages of the first crawl.
    var pages: [PageRecord] = []
    /// Round trips of a cache line, in nanoseconds, before and after each turn.
    var probes: [Double] = []
    /// A page that failed, in any of the crawls.
    var failedPage: PageRecord?
    /// Whether every crawl found the pages of the first, each once.
    var samePages = true
    var failure: Failure?
    var isInterrupted = false
    /// The limit left pages out: the crawls may have different ones.
    var isCutOff = false
    /// What the first crawl left out, and where its first addresses led.
    var leftOut = LeftOut()
    var moves: [Move] = []

    var count: Int { runs.reduce(0) { $0 + $1.count } }
    fileprivate var measured: Int { count + timed.reduce(0) { $0 + $1.count } }
  }

  private let options: CrawlOptions
  private let current = Locked<CrawlProcess?>(nil)
  private let probe = Locked<StartProbe?>(nil)
  private let interrupted = InterruptFlag()

  init(_ options: CrawlOptions) { self.options = options }

  /// Ends the running crawl, and starts no other.
  func interrupt() {
    interrupted.set()
    current.withLock { $0 }?.cancel()
    probe.withLock { $0 }?.cancel()
  }

  func run() -> Outcome {
    let none = [[CrawlRun]](repeating: [], count: options.configurations.count + options.baselines.count)
    var outcome = Outcome(runs: none, timed: none)
    do {
      var plan = options.plan
      if options.isEmbedded {
        Terminal.progress("starting the site…")
        var site = try EmbeddedSite.start(
          pages: plan.pages, delayMilliseconds: plan.delayMilliseconds, seed: plan.seed)
        // The slow pages are listed; those of a site are found from the first.
        plan.seeds =
          plan.work == .slow
          ? (0..<plan.pages).map { String(site.url.dropLast()) + SitePlan.path($0) } : [site.url]
        try run(plan, &outcome) {
          guard let exit = try site.exitIfEnded() else { return }
          throw Failure.work(
            "the process of the test site ended during the crawl (\(exit)): run the command again")
        }
      } else {
        if plan.work == .web { try findStart(&plan) }
        try run(plan, &outcome) {}
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

  /// Looks where the first addresses lead: `https` pages need workers that have TLS.
  private func findStart(_ plan: inout CrawlPlan) throws {
    // Those workers fetch http pages too.
    guard plan.workerProgram == nil else { return }
    let start = try StartProbe()
    probe.withLock { $0 = start }
    for url in plan.seeds {
      if interrupted.isSet { return }
      Terminal.progress("asking \(url)…")
      let (secure, failure) = start.follow(url, plan.authorizations)
      if interrupted.isSet { return }
      if let failure, plan.seeds.count == 1 { throw Self.unreachable(url, failure) }
      guard let secure else { continue }
      guard options.configurations.allSatisfy(\.usesProcesses) else {
        throw Failure.call(
          "\(url) leads to \(secure), which needs TLS, and only worker processes have that: use --model processes"
        )
      }
      return try options.useSecureWorkers(&plan, for: secure)
    }
  }

  private static func unreachable(_ url: String, _ failure: String) -> Failure {
    let isUnreachable = ["no server answers", "unknown host", "took too long"].contains {
      failure.contains($0)
    }
    return .work(
      "\(url): \(failure)" + (isUnreachable ? ": check the address, and that the server runs" : ""))
  }

  /// - Parameter checkSite: throws if the site can't have answered any more; called after each crawl.
  private func run(_ plan: CrawlPlan, _ outcome: inout Outcome, _ checkSite: () throws -> Void) throws {
    let configurations = options.configurations + options.baselines
    let havePool = configurations.indices.filter { configurations[$0].window != nil }
    let total = configurations.count * options.repeats + havePool.count * options.timedRepeats
    var random = SeededRandom(seed: plan.seed)
    var urls: Set<String>?
    var timed = plan
    timed.measuresParts = true
    var untimed = plan
    // Where a page takes long, timing the calls changes nothing, and each repeat does both.
    untimed.measuresParts = options.timedRepeats == 0
    let probes = options.repeats > 1
    if probes, let probe = CacheLineProbe.measure() { outcome.probes.append(probe) }
    for round in 0..<options.repeats {
      // In another order each time, so that what one leaves to the next is spread over all.
      for index in configurations.indices.shuffled(using: &random) {
        if interrupted.isSet { return }
        let crawl = try run(
          configurations[index], untimed,
          place(configurations[index], "repeat \(round + 1)", outcome.measured, total))
        try checkSite()
        // What Ctrl-C cut off counts only where there is nothing else.
        if interrupted.isSet, outcome.count > 0 || crawl.run.pages == 0 { return }
        outcome.runs[index].append(crawl.run)
        try check(crawl, plan, &urls, &outcome)
      }
      if probes, let probe = CacheLineProbe.measure() { outcome.probes.append(probe) }
      // Spread over the repeats, so that both see the same machine.
      let timedSoFar = outcome.timed.map(\.count).max() ?? 0
      guard (round + 1) * options.timedRepeats / options.repeats > timedSoFar else { continue }
      for index in havePool.shuffled(using: &random) {
        if interrupted.isSet { return }
        let crawl = try run(
          configurations[index], timed,
          place(configurations[index], "system calls timed", outcome.measured, total))
        if interrupted.isSet { return }
        try checkSite()
        outcome.timed[index].append(crawl.run)
        try check(crawl, plan, &urls, &outcome)
      }
    }
  }

  private func place(
    _ configuration: CrawlConfiguration, _ repetition: String, _ done: Int, _ total: Int
  ) -> String {
    let window = configuration.window.map { ", window \($0)" } ?? ""
    return "[\(done + 1) of \(total)] \(configuration.name)\(window), \(repetition)"
  }

  /// Compares the pages of a crawl with those of the first.
  private func check(
    _ crawl: CrawlProcess.Result, _ plan: CrawlPlan, _ urls: inout Set<String>?, _ outcome: inout Outcome
  ) throws {
    outcome.isCutOff = outcome.isCutOff || crawl.leftOut.pages > 0
    if outcome.pages.isEmpty {
      outcome.pages = crawl.pages
      outcome.leftOut = crawl.leftOut
      outcome.moves = crawl.moves
    }
    outcome.failedPage = outcome.failedPage ?? crawl.pages.first { $0.hasFailed }
    let found = Set(crawl.pages.map(\.url))
    if found.count != crawl.pages.count || found != urls ?? found { outcome.samePages = false }
    urls = urls ?? found
    if plan.work == .web, let first = crawl.pages.first, crawl.pages.count == 1, first.status == 0,
      let failure = first.failure
    {
      throw Self.unreachable(first.url, failure)
    }
  }

  private func run(
    _ configuration: CrawlConfiguration, _ plan: CrawlPlan, _ place: String
  ) throws -> CrawlProcess.Result {
    let crawl = CrawlProcess(
      CrawlProcess.Assignment(
        plan: plan, configuration: configuration, warmsUp: plan.work == .site || plan.work == .nothing,
        reportsProgress: Terminal.hasProgress))
    current.withLock { $0 = crawl }
    // The signal may have arrived between the two.
    if interrupted.isSet { crawl.cancel() }
    Terminal.progress(place)
    return try crawl.run { done, known in
      let pages = known > 0 ? ": \(Figure.grouped(done)) of \(Figure.grouped(known))" : ""
      Terminal.progress(place + pages)
    }
  }
}
