import ConcurrencyModels
import SystemCalls

/// Callbacks on an event loop: one thread asks the kernel which of its sockets is ready, and calls what was left there
/// to go on with. Nothing waits but the loop. What was one function before is now cut into one piece per wait, and what
/// were its local variables, its loop and its `catch` are the object's.
enum CallbacksModel: CrawlModel {
  static let name = "callbacks"
  static let summary = "callbacks on an event loop, one thread"

  static func crawl(_ work: CrawlWork) throws {
    try LoopCrawl.run(work) { loop, job, done in CallbackFetch(loop, work, job, done).start() }
  }
}

/// One page on its way, from callback to callback. The loop keeps it alive.
private final class CallbackFetch {
  private let loop: EventLoop
  private let work: CrawlWork
  private let visit: PageVisit
  private let done: (CrawlPage) -> Void
  private var socket: PageSocket?
  private var token: UInt64?
  private var timer: UInt64?

  init(_ loop: EventLoop, _ work: CrawlWork, _ job: CrawlJob, _ done: @escaping (CrawlPage) -> Void) {
    self.loop = loop
    self.work = work
    visit = PageVisit(job)
    self.done = done
  }

  func start() {
    if visit.isNothing { return loop.callSoon { self.done(self.visit.nothing) } }
    timer = loop.after(CrawlWork.patience) { self.finish(.failure(PageFailure.tooLate)) }
    attempt {
      let socket = try PageSocket(PageAddress(visit.job.url, work.servers))
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

  /// Every piece has to catch for itself: who called it is the loop.
  private func attempt(_ piece: () throws -> Void) {
    do { try piece() } catch { finish(.failure(error)) }
  }

  private func finish(_ result: Result<PageAnswer, any Error>) {
    if let token { loop.remove(token) }
    if let timer { loop.cancel(timer: timer) }
    (token, timer, socket) = (nil, nil, nil)
    done(visit.page(result))
  }
}
