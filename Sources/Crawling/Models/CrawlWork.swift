import Synchronization
package import SystemCalls

/// The work that a model of concurrency does: the pages to fetch, how many at once, and where the results go. It can be
/// used from any thread.
package final class CrawlWork: Sendable {
  private struct State {
    var waiting: [CrawlJob] = []
    /// The index of the first waiting job; those before it are taken.
    var first = 0
    /// Jobs that do nothing and aren't taken yet.
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
  let client: PageClient

  private static let takenBeforeCompaction = 1024

  private let plan: CrawlPlan
  private let frontier: Frontier
  private let state: Locked<State>
  /// Readable once the crawl is cancelled: for threads that wait in poll(2).
  let cancelled: Descriptor
  /// For threads that wait for work.
  private let changed = Condition()
  /// Called after every finished page.
  private let onFinish: @Sendable (_ done: Int) -> Void

  /// - Parameters:
  ///   - pageTimeout: How long a page may take, in nanoseconds.
  ///   - onFinish: Called after every finished page.
  package init(
    _ plan: CrawlPlan, pageTimeout: UInt64 = 30_000_000_000,
    onFinish: @escaping @Sendable (_ done: Int) -> Void = { _ in }
  ) throws(SystemError) {
    self.plan = plan
    self.onFinish = onFinish
    limit = max(1, plan.workers)
    client = PageClient(atOnce: limit, timeout: pageTimeout)
    frontier = Frontier(plan)
    var first = State()
    if plan.work == .nothing { first.nothing = plan.pages } else { first.waiting = frontier.seed(plan.seeds) }
    state = Locked(first)
    // Resolved now: on an event loop's thread, everything would wait for the answer.
    for url in plan.seeds { _ = try? PageAddress(CrawlJob(url: url), client.servers) }
    cancelled = try Events.eventfd()
    try cancelled.setNonblocking(true)
  }

  /// For models with blocking calls.
  var blockingFetch: BlockingFetch { BlockingFetch(client, cancelled: cancelled.raw) }

  // MARK: Taking and finishing

  /// Takes the next page to fetch, which counts as running from then on; nil if none can be started now.
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
      if state.first > Self.takenBeforeCompaction, state.first * 2 > state.waiting.count {
        state.waiting.removeFirst(state.first)
        state.first = 0
      }
      state.running += 1
      return job
    }
  }

  /// Records a page that was fetched, or failed. The pages to which it leads are fetched next.
  func finish(_ job: CrawlJob, _ page: CrawlPage) {
    // A page that was being fetched when the crawl was cancelled isn't recorded.
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
    onFinish(done)
    changed.broadcast()
  }

  /// Whether nothing waits and nothing runs, or the crawl was cancelled.
  var isOver: Bool { state.withLock { Self.isOver($0) } }

  private static func isOver(_ state: State) -> Bool {
    state.isCancelled || state.running == 0 && state.nothing == 0 && state.first == state.waiting.count
  }

  /// Blocks the thread until there is a page to fetch; nil when the crawl is over.
  func waitForNext() -> CrawlJob? {
    changed.wait { () -> CrawlJob?? in
      if let job = next() { return .some(job) }
      return isOver ? .some(nil) : nil
    }
  }

  // MARK: Ending early

  /// Ends the crawl: no page is started any more, and waiting threads and tasks are notified.
  package func cancel() {
    let hook = state.withLock { state in
      state.isCancelled = true
      return state.onCancel
    }
    Events.write(cancelled)
    changed.broadcast()
    hook?()
  }

  package var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// Sets what is called when the crawl is cancelled, on any thread; calls it at once if it already is.
  func whenCancelled(_ hook: @escaping @Sendable () -> Void) {
    let isCancelled = state.withLock { state in
      state.onCancel = hook
      return state.isCancelled
    }
    if isCancelled { hook() }
  }

  // MARK: Results

  package var progress: (done: Int, known: Int) {
    plan.work == .nothing ? (state.withLock { $0.done }, plan.pages) : frontier.progress
  }
  package var pages: [PageRecord] { frontier.pages }
  /// What the crawl has left out so far.
  package var leftOut: LeftOut { frontier.leftOut }
  /// The first addresses that led to other sites.
  package var moves: [Move] { frontier.moves }
  var figures: (done: Int, failed: Int, workMicroseconds: Int) {
    state.withLock { ($0.done, $0.failed, $0.workMicroseconds) }
  }
}

/// One page that a model fetches, from its job to its result.
struct PageFetch {
  let job: CrawlJob
  private let start = Clock.now()

  init(_ job: CrawlJob) { self.job = job }

  /// A job that does nothing.
  var isNothing: Bool { job.url.isEmpty }

  /// The page, from its response. Not inlined into async functions, whose frames would then hold its
  /// temporary values.
  @inline(never) func page(_ answer: PageResponse) -> CrawlPage {
    var page = CrawlPage(answer, of: job)
    page.microseconds = Int64((Clock.now() - start) / 1000)
    return page
  }

  /// The page of a job that does nothing.
  var nothing: CrawlPage { CrawlPage() }
}
