import Foundation
import Synchronization
package import SystemCalls

/// What a model of concurrency is given to crawl: pages to fetch, how many at once, and where to put what was found.
/// Any thread may ask.
package final class CrawlWork: Sendable {
  private struct State {
    var waiting: [CrawlJob] = []
    /// The first that waits; those before it were taken.
    var first = 0
    /// Jobs that do nothing, still to be handed out.
    var nothing = 0
    var running = 0
    var done = 0
    var failed = 0
    var workMicroseconds = 0
    var isCancelled = false
    var onCancel: (@Sendable () -> Void)?
  }

  /// How many pages may be fetched at once.
  package let limit: Int
  let servers = Servers()
  /// A page takes at most so long, in nanoseconds.
  static let patience: UInt64 = 30_000_000_000

  private let plan: CrawlPlan
  private let frontier: Frontier
  private let state: Mutex<State>
  /// Readable once the crawl is cancelled: for who waits in poll(2).
  let cancelled: Descriptor
  /// For threads that wait for work.
  private let news = NSCondition()
  /// Called with every page that is finished: how the model is watched.
  private let watch: @Sendable (_ done: Int) -> Void

  package init(
    _ plan: CrawlPlan, watch: @escaping @Sendable (_ done: Int) -> Void = { _ in }
  ) throws(SystemError) {
    self.plan = plan
    self.watch = watch
    limit = max(1, plan.workers)
    frontier = Frontier(
      sites: Set(plan.seeds.map(Frontier.site)), deepest: plan.deepest, limit: plan.limit,
      followsLinks: plan.work != .slow)
    var first = State()
    if plan.work == .nothing { first.nothing = plan.pages } else { first.waiting = frontier.seed(plan.seeds) }
    state = Mutex(first)
    // Asked for now: later, on an event loop's thread, everything would wait for the answer.
    for site in Set(plan.seeds.map(Frontier.site)) { _ = try? PageAddress(site, servers) }
    cancelled = try Events.eventfd()
    try cancelled.setNonblocking(true)
  }

  /// For the models whose calls wait.
  var waitingFetch: WaitingFetch { WaitingFetch(servers, cancelled: cancelled.raw) }

  // MARK: Taking and finishing

  /// The next page to fetch, which counts as running then; nil: none is to be begun now.
  func next() -> CrawlJob? {
    state.withLock { state in
      guard !state.isCancelled, state.running < limit else { return nil }
      if state.nothing > 0 {
        state.nothing -= 1
        state.running += 1
        return CrawlJob(url: "")
      }
      guard state.first < state.waiting.count else { return nil }
      let job = state.waiting[state.first]
      state.first += 1
      if state.first > 1024, state.first * 2 > state.waiting.count {
        state.waiting.removeFirst(state.first)
        state.first = 0
      }
      state.running += 1
      return job
    }
  }

  /// A page has come, or failed. What it leads to is to be fetched next.
  func finish(_ job: CrawlJob, _ page: CrawlPage) {
    // What was on its way when the crawl was cancelled is no page.
    if isCancelled { return state.withLock { $0.running -= 1 } }
    let isNothing = plan.work == .nothing
    let more = isNothing ? [] : frontier.take(job, page)
    let done = state.withLock { state in
      state.running -= 1
      state.done += 1
      if page.hasFailed { state.failed += 1 }
      state.workMicroseconds += Int(page.microseconds)
      state.waiting += more
      return state.done
    }
    watch(done)
    news.lock()
    news.broadcast()
    news.unlock()
  }

  /// Nothing waits and nothing runs, or the crawl was cancelled.
  var isOver: Bool { state.withLock { Self.isOver($0) } }

  private static func isOver(_ state: State) -> Bool {
    state.isCancelled || state.running == 0 && state.nothing == 0 && state.first == state.waiting.count
  }

  /// For threads: waits for a page to fetch; nil: the crawl is over.
  func waitForNext() -> CrawlJob? {
    news.lock()
    defer { news.unlock() }
    while true {
      if let job = next() { return job }
      if isOver { return nil }
      news.wait()
    }
  }

  // MARK: Ending early

  /// Ends the crawl: nothing more is handed out, and who waits is told.
  package func cancel() {
    let hook = state.withLock { state in
      state.isCancelled = true
      return state.onCancel
    }
    Events.write(cancelled)
    news.lock()
    news.broadcast()
    news.unlock()
    hook?()
  }

  package var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// What to do when the crawl is cancelled, on whichever thread; at once if it is.
  func whenCancelled(_ hook: @escaping @Sendable () -> Void) {
    let isCancelled = state.withLock { state in
      state.onCancel = hook
      return state.isCancelled
    }
    if isCancelled { hook() }
  }

  // MARK: What became of it

  package var progress: (done: Int, known: Int) {
    plan.work == .nothing ? (state.withLock { $0.done }, plan.pages) : frontier.progress
  }
  package var pages: [PageRecord] { frontier.pages }
  package var isCutOff: Bool { frontier.isCutOff }
  var figures: (done: Int, failed: Int, workMicroseconds: Int) {
    state.withLock { ($0.done, $0.failed, $0.workMicroseconds) }
  }
}

/// One page that a model fetches: from its job to what is known of it.
struct PageVisit {
  let job: CrawlJob
  private let start = Clock.now()

  init(_ job: CrawlJob) { self.job = job }

  /// A job that does nothing.
  var isNothing: Bool { job.url.isEmpty }

  /// What is known of the page, from its answer or from what went wrong. Never part of an async function, whose frame
  /// would have room for all that is in between.
  @inline(never) func page(_ result: Result<PageAnswer, any Error>) -> CrawlPage {
    var page = CrawlPage()
    switch result {
    case .success(let answer):
      page.status = Int32(answer.status)
      page.bytes = Int64(answer.body.count)
      if let url = URL(string: job.url) {
        page.read(Data(answer.body), at: url, location: answer.location, type: answer.contentType)
      }
    case .failure(let error):
      let failure = error as? PageFailure
      page.failure = failure?.words ?? "\(error)"
      page.status = Int32(failure?.status ?? 0)
      page.bytes = Int64(failure?.bytes ?? 0)
    }
    page.microseconds = Int64((Clock.now() - start) / 1000)
    return page
  }

  /// The page of a job that does nothing.
  var nothing: CrawlPage { CrawlPage() }
}
