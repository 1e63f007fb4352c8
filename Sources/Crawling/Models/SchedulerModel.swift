import ConcurrencyModels
import Dispatch

/// Calls that wait, as in the first program, in tasks of a scheduler: when one blocks, its thread stays with it, and the
/// processor goes to another thread with the tasks that are ready. Go's way: code without a single callback, and no more
/// threads that run than there are CPUs.
enum SchedulerModel: CrawlModel {
  static let name = "scheduler"
  static let summary = "tasks that block, on a scheduler that gives their processor away"

  static func crawl(_ work: CrawlWork) throws {
    let scheduler = Scheduler()
    let fetch = work.waitingFetch
    let end = DispatchSemaphore(value: 0)
    Task(executorPreference: scheduler) {
      await withTaskGroup(of: Void.self) { group in
        var running = 0
        repeat {
          while running < work.limit, let job = work.next() {
            running += 1
            group.addTask { work.finish(job, await scheduler.blocking { fetch.page(job) }) }
          }
          // One has ended: perhaps it led to others.
          await group.next()
          running -= 1
        } while running > 0 || !work.isOver
      }
      end.signal()
    }
    end.wait()
    scheduler.close()
  }
}
