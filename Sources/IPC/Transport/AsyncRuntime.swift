import ConcurrencyModels
import Synchronization
import SystemCalls

/// What waits for the endpoints of tasks: one event loop for what poll can see, and a scheduler, whose threads may block,
/// for the rest. The first wait starts them; they run until the process ends.
enum AsyncRuntime {
  private static let shared = Locked<EventLoop?>(nil)

  /// - Throws: the error of epoll_create1(2), eventfd(2) or pthread_create(3), such as too many open descriptors. The next
  ///   call tries again.
  static func loop() throws(SystemError) -> EventLoop {
    let found: Result<EventLoop, SystemError> = shared.withLock { shared in
      if let loop = shared { return .success(loop) }
      let loop: EventLoop
      do throws(EventLoopError) {
        loop = try EventLoop()
      } catch {
        return .failure(error.systemError)
      }
      do throws(SystemError) {
        try Threads.start(name: "ipc-loop") { try? loop.run() }
        shared = loop
        return .success(loop)
      } catch {
        return .failure(error)
      }
    }
    return try found.get()
  }

  /// Its tasks only wait: a thread that blocks leaves the processor to the next.
  static let scheduler = Scheduler(processors: 1)

  private static let isFlushing = Atomic<Bool>(false)

  /// Flushes the senders of this process, as before every wait; where a channel is full, a thread tries again until all
  /// are flushed.
  static func flush() {
    if FlushRegistry.flushBeforeWaiting() { return }
    guard
      isFlushing.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    else { return }
    let scheduler = self.scheduler
    Task(executorPreference: scheduler) {
      await scheduler.blocking {
        repeat {
          while !FlushRegistry.flushBeforeWaiting() { Clock.sleep(nanoseconds: FlushRegistry.slice) }
          isFlushing.store(false, ordering: .sequentiallyConsistent)
          // A call that came just then has left its flush to this thread.
        } while !FlushRegistry.flushBeforeWaiting()
          && isFlushing.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing)
            .exchanged
      }
    }
  }
}
