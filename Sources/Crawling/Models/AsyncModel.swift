import ConcurrencyModels
import SystemCalls

/// async and await on the event loop, with structured concurrency: coroutines of the language, and a task of a group for
/// each page, none of which outlives the group. All of them run on the loop's thread.
enum AsyncModel: CrawlModel {
  static let name = "async"
  static let summary = "async functions in a task group, on an event loop"

  static func crawl(_ work: CrawlWork) throws {
    let loop = try EventLoop()
    work.whenCancelled { loop.stop() }
    try loop.run {
      await withTaskGroup(of: Void.self) { group in
        var running = 0
        repeat {
          while running < work.limit, let job = work.next() {
            running += 1
            group.addTask { work.finish(job, await fetch(job, work, loop)) }
            // Connections that are ready send their requests meanwhile.
            if running % LoopCrawl.atOnce == 0 { await Task.yield() }
          }
          // A page has ended; it may have led to others.
          await group.next()
          running -= 1
        } while running > 0 || !work.isOver
      }
    }
  }

  static func fetch(_ job: CrawlJob, _ work: CrawlWork, _ loop: EventLoop) async -> CrawlPage {
    let fetch = PageFetch(job)
    if fetch.isNothing { return fetch.nothing }
    let deadline = Clock.now() + work.client.timeout
    let exchange = PageExchange(job, work.client)
    do {
      while !exchange.advance() {
        try await loop.ready(exchange.descriptor, exchange.events, until: deadline)
      }
    } catch {
      exchange.end(PageFailure(waiting: error))
    }
    return fetch.page(exchange.answer)
  }
}
