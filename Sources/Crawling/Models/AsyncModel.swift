import ConcurrencyModels
import SystemCalls

/// async and await on the event loop, with structured concurrency: the coroutines are the language's own, each page is a
/// task of a group, and none outlives it. All of them run on the loop's one thread.
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
            // Those that are connected ask for their page meanwhile.
            if running % LoopCrawl.atOnce == 0 { await Task.yield() }
          }
          // One has ended: perhaps it led to others.
          await group.next()
          running -= 1
        } while running > 0 || !work.isOver
      }
    }
  }

  static func fetch(_ job: CrawlJob, _ work: CrawlWork, _ loop: EventLoop) async -> CrawlPage {
    let visit = PageVisit(job)
    if visit.isNothing { return visit.nothing }
    do {
      let deadline = Clock.now() + CrawlWork.patience
      let socket = try PageSocket(PageAddress(job.url, work.servers))
      repeat { try await loop.ready(socket.descriptor, .write, until: deadline) } while try !socket.send()
      repeat { try await loop.ready(socket.descriptor, .read, until: deadline) } while try !socket.receive()
      return visit.page(.success(socket.answer))
    } catch is TimeoutError {
      return visit.page(.failure(PageFailure.tooLate))
    } catch is CancellationError {
      return visit.page(.failure(PageFailure.cancelled))
    } catch {
      return visit.page(.failure(error))
    }
  }
}
