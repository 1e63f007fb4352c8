import ConcurrencyModels
import SystemCalls

/// Coroutines that delegate to coroutines: the one that fetches a page delegates to `connect`, `read` and `readAll`, as a
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
      let late = loop.timer(CrawlWork.pageTimeout)
      defer { late.cancel() }
      do {
        let socket = try await context.wait(for: connect(job, late))
        return fetch.page(.success(try await context.wait(for: readAll(socket, late))))
      } catch {
        return fetch.page(.failure(error))
      }
    }
  }

  /// A connection over which the request has been sent.
  private func connect(_ job: CrawlJob, _ late: LateTimer) -> Coroutine<PageSocket> {
    Coroutine { context in
      let socket = try PageSocket(PageAddress(job, work.servers))
      repeat {
        try await context.wait(for: loop.ready(socket.descriptor, .write, unless: late))
      } while try !socket.send()
      return socket
    }
  }

  /// Whether the response is complete.
  private func read(_ socket: PageSocket, _ late: LateTimer) -> Coroutine<Bool> {
    Coroutine { context in
      try await context.wait(for: loop.ready(socket.descriptor, .read, unless: late))
      return try socket.receive()
    }
  }

  private func readAll(_ socket: PageSocket, _ late: LateTimer) -> Coroutine<PageResponse> {
    Coroutine { context in
      while try await !context.wait(for: read(socket, late)) {}
      return socket.answer
    }
  }
}
