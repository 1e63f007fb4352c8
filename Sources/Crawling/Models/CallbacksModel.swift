import ConcurrencyModels
import SystemCalls

/// Callbacks on an event loop: one thread asks the kernel which of its sockets are ready, and calls the callback of each.
/// Only the loop waits. What is one function in blocking code becomes a method that each callback calls; its local variables
/// become properties, and the method catches its own errors.
enum CallbacksModel: CrawlModel {
  static let name = "callbacks"
  static let summary = "callbacks on an event loop, one thread"

  static func crawl(_ work: CrawlWork) throws {
    try LoopCrawl.run(work) { loop, job, done in CallbackFetch(loop, work, job, done).start() }
  }
}

/// One page that is being fetched. The loop keeps it alive.
private final class CallbackFetch {
  private let loop: EventLoop
  private let client: PageClient
  private let fetch: PageFetch
  private lazy var exchange = PageExchange(fetch.job, client)
  private let done: (CrawlPage) -> Void
  private var token: UInt64?
  private var timer: UInt64?

  init(_ loop: EventLoop, _ work: CrawlWork, _ job: CrawlJob, _ done: @escaping (CrawlPage) -> Void) {
    self.loop = loop
    client = work.client
    fetch = PageFetch(job)
    self.done = done
  }

  func start() {
    if fetch.isNothing { return loop.callSoon { self.done(self.fetch.nothing) } }
    timer = loop.after(client.timeout) { self.finish(.tooLate) }
    advance()
  }

  /// Goes on as far as it can, and waits for the next callback.
  private func advance() {
    let before = exchange.wait
    if exchange.advance() { return finish() }
    if token != nil, exchange.wait == before { return }
    if let token { loop.remove(token) }
    token = nil
    do throws(EventLoopError) {
      token = try loop.watch(exchange.descriptor, exchange.events) { _ in self.advance() }
    } catch {
      // The caller is the loop, or what starts pages: neither handles an error of this page.
      finish(PageFailure(error.systemError))
    }
  }

  private func finish(_ failure: PageFailure? = nil) {
    if let token { loop.remove(token) }
    if let timer { loop.cancel(timer: timer) }
    (token, timer) = (nil, nil)
    if let failure { exchange.end(failure) }
    done(fetch.page(exchange.answer))
  }
}
