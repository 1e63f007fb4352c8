import Dispatch
import SystemCalls

/// A thread for each page that is being fetched, with the same blocking calls. The kernel switches between the threads;
/// each has its own stack, and what they share needs a lock.
enum ThreadsModel: CrawlModel {
  static let name = "threads"
  static let summary = "a thread for each page, in blocking calls"

  static func crawl(_ work: CrawlWork) throws {
    let fetch = work.blockingFetch
    let running = DispatchGroup()
    var started = 0
    for _ in 0..<work.limit {
      running.enter()
      do throws(SystemError) {
        try Threads.start(name: "crawl") {
          while let job = work.waitForNext() { work.finish(job, fetch.page(job)) }
          running.leave()
        }
        started += 1
      } catch {
        running.leave()
        // The threads that could be started do the work.
        if started == 0 { throw error }
        break
      }
    }
    running.wait()
  }
}
