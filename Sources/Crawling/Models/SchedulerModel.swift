import ConcurrencyModels
import Dispatch

/// Blocking calls in tasks of a scheduler: when a task blocks, its thread blocks with it, and another thread takes over the
/// processor with the tasks that are ready. As in Go: no callbacks, and no more running threads than CPUs.
enum SchedulerModel: CrawlModel {
  static let name = "scheduler"
  static let summary = "tasks with blocking calls, on a scheduler that gives their processor to other tasks"

  static func crawl(_ work: CrawlWork) throws {
    let scheduler = Scheduler()
    let fetch = work.blockingFetch
    let end = DispatchSemaphore(value: 0)
    Task(executorPreference: scheduler) {
      await withTaskGroup(of: Void.self) { group in
        var running = 0
        repeat {
          while running < work.limit, let job = work.next() {
            running += 1
            group.addTask { work.finish(job, await scheduler.blocking { fetch.page(job) }) }
          }
          // A page has ended; it may have led to others.
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
