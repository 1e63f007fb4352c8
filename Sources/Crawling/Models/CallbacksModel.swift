import ConcurrencyModels
import SystemCalls

/// Callbacks on an event loop: one thread asks the kernel which of its sockets are ready, and calls the callback of each.
/// Only the loop waits. What is one function in blocking code becomes one method per wait; its local variables become
/// properties, and each method catches its own errors.
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
  private let work: CrawlWork
  private let fetch: PageFetch
  private let done: (CrawlPage) -> Void
  private var socket: PageSocket?
  private var token: UInt64?
  private var timer: UInt64?

  init(_ loop: EventLoop, _ work: CrawlWork, _ job: CrawlJob, _ done: @escaping (CrawlPage) -> Void) {
    self.loop = loop
    self.work = work
    fetch = PageFetch(job)
    self.done = done
  }

  func start() {
    if fetch.isNothing { return loop.callSoon { self.done(self.fetch.nothing) } }
    timer = loop.after(CrawlWork.pageTimeout) { self.finish(.failure(PageFailure.tooLate)) }
    attempt {
      let socket = try PageSocket(PageAddress(fetch.job, work.servers))
      self.socket = socket
      token = try loop.watch(socket.descriptor, .write) { _ in self.connected() }
    }
  }

  private func connected() {
    attempt {
      guard let socket, let token, try socket.send() else { return }
      loop.remove(token)
      self.token = try loop.watch(socket.descriptor, .read) { _ in self.readable() }
    }
  }

  private func readable() {
    attempt {
      guard let socket, try socket.receive() else { return }
      finish(.success(socket.answer))
    }
  }

  /// Runs a callback, and handles its errors: its caller is the loop.
  private func attempt(_ body: () throws -> Void) {
    do { try body() } catch { finish(.failure(error)) }
  }

  private func finish(_ result: Result<PageResponse, any Error>) {
    if let token { loop.remove(token) }
    if let timer { loop.cancel(timer: timer) }
    (token, timer, socket) = (nil, nil, nil)
    done(fetch.page(result))
  }
}
