import Foundation
import SystemCalls

/// A thread for each page that is on its way: the same calls that wait, many times over. The kernel switches between
/// them; each has a stack of its own, and what they share needs a lock.
enum ThreadsModel: CrawlModel {
  static let name = "threads"
  static let summary = "a thread for each, in calls that wait"

  static func crawl(_ work: CrawlWork) throws {
    let fetch = work.waitingFetch
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
        // As many as there are do the work.
        if started == 0 { throw error }
        break
      }
    }
    running.wait()
  }
}
