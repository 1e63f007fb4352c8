import Concurrency
import Synchronization
import SystemCalls

/// What waits for the channels of tasks: one event loop for what poll can see, and a scheduler, whose threads may block,
/// for the rest. Started with the first wait, and there until the process ends.
enum AsyncRuntime {
  private static let sharedLoop: Result<EventLoop, SystemError> = {
    do throws(SystemError) {
      let loop = try EventLoop()
      try Threads.start(name: "ipc-loop") { try? loop.run() }
      return .success(loop)
    } catch {
      return .failure(error)
    }
  }()

  /// Its tasks do nothing but wait: each thread that does leaves the processor to the next.
  static let scheduler = Scheduler(processors: 1)

  private static let isFlushing = Atomic<Bool>(false)

  /// Has what senders of this process hold back written, as before every wait; where a channel is full, by a thread that
  /// comes back to it.
  static func flush() {
    if PendingFlushes.flushBeforeWaiting() { return }
    guard
      isFlushing.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    else { return }
    let scheduler = self.scheduler
    Task(executorPreference: scheduler) {
      await scheduler.blocking {
        repeat {
          while !PendingFlushes.flushBeforeWaiting() { Clock.sleep(nanoseconds: PendingFlushes.slice) }
          isFlushing.store(false, ordering: .sequentiallyConsistent)
          // Who came just then has left it to this one.
        } while !PendingFlushes.flushBeforeWaiting()
          && isFlushing.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing)
            .exchanged
      }
    }
  }

  static func loop() throws(SystemError) -> EventLoop { try sharedLoop.get() }
}
