import ConcurrencyModels
import SystemCalls

/// Futures, tasks and generators: coroutines as they were before async and await. The code is one function again: where it
/// has to wait, it yields a future, and its task resumes it when the future has a result.
enum FuturesModel: CrawlModel {
  static let name = "futures"
  static let summary = "coroutines of generators that yield futures, on an event loop"

  static func crawl(_ work: CrawlWork) throws {
    try LoopCrawl.run(work) { loop, job, done in
      let task = CoroutineTask(fetch(job, work, loop))
      task.outcome.whenDone { done((try? task.outcome.result?.get()) ?? CrawlPage()) }
    }
  }

  private static func fetch(_ job: CrawlJob, _ work: CrawlWork, _ loop: EventLoop) -> Coroutine<CrawlPage> {
    Coroutine { context in
      let fetch = PageFetch(job)
      if fetch.isNothing { return fetch.nothing }
      let late = loop.timer(work.client.timeout)
      defer { late.cancel() }
      let exchange = PageExchange(job, work.client)
      do {
        while !exchange.advance() {
          try await context.wait(for: loop.ready(exchange.descriptor, exchange.events, unless: late))
        }
      } catch {
        exchange.end(PageFailure(waiting: error))
      }
      return fetch.page(exchange.answer)
    }
  }
}

extension EventLoop {
  /// A future for a descriptor's readiness, which fails if the timer fires first.
  func ready(_ descriptor: Int32, _ events: DescriptorEvents, unless late: LateTimer) -> Future<Void> {
    let future = Future<Void>()
    do throws(EventLoopError) {
      var token: UInt64 = 0
      token = try watch(descriptor, events) { _ in future.succeed(()) }
      late.pending = future
      future.whenDone { self.remove(token) }
    } catch {
      future.fail(error)
    }
    return future
  }

  /// A timer that fails the future that is waited for when it fires.
  func timer(_ nanoseconds: UInt64) -> LateTimer { LateTimer(self, nanoseconds) }
}

/// Fails the future that a coroutine waits for when its time is over.
final class LateTimer {
  private let loop: EventLoop
  private var timer: UInt64 = 0
  /// The future that is waited for.
  var pending: Future<Void>?

  init(_ loop: EventLoop, _ nanoseconds: UInt64) {
    self.loop = loop
    timer = loop.after(nanoseconds) { [weak self] in self?.pending?.fail(PageFailure.tooLate) }
  }

  func cancel() {
    loop.cancel(timer: timer)
    pending = nil
  }
}
