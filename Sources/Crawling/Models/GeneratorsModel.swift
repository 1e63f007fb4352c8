import ConcurrencyModels
import SystemCalls

/// Coroutines that delegate to coroutines: the one that fetches a page delegates to `run`, and that one to `step`, as a
/// function calls functions. Each waits by itself, unseen by its caller. Python's `yield from`.
enum GeneratorsModel: CrawlModel {
  static let name = "generators"
  static let summary = "coroutines that delegate to coroutines, on an event loop"

  static func crawl(_ work: CrawlWork) throws {
    try LoopCrawl.run(work) { loop, job, done in
      let task = CoroutineTask(GeneratorFetch(loop, work).fetch(job))
      task.outcome.whenDone { done((try? task.outcome.result?.get()) ?? CrawlPage()) }
    }
  }
}

/// The steps of fetching a page.
private struct GeneratorFetch {
  private let loop: EventLoop
  private let work: CrawlWork

  init(_ loop: EventLoop, _ work: CrawlWork) {
    self.loop = loop
    self.work = work
  }

  func fetch(_ job: CrawlJob) -> Coroutine<CrawlPage> {
    Coroutine { context in
      let fetch = PageFetch(job)
      if fetch.isNothing { return fetch.nothing }
      let late = loop.timer(work.client.timeout)
      defer { late.cancel() }
      let exchange = PageExchange(job, work.client)
      do {
        try await context.wait(for: run(exchange, late))
      } catch {
        exchange.end(PageFailure(waiting: error))
      }
      return fetch.page(exchange.answer)
    }
  }

  /// Waits once, and goes on. Returns whether the exchange is over.
  private func step(_ exchange: PageExchange, _ late: LateTimer) -> Coroutine<Bool> {
    Coroutine { context in
      try await context.wait(for: loop.ready(exchange.descriptor, exchange.events, unless: late))
      return exchange.advance()
    }
  }

  /// Runs an exchange to its end.
  private func run(_ exchange: PageExchange, _ late: LateTimer) -> Coroutine<Void> {
    Coroutine { context in
      if exchange.advance() { return }
      while try await !context.wait(for: step(exchange, late)) {}
    }
  }
}
