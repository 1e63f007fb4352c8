import Concurrency
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

  static func loop() throws(SystemError) -> EventLoop { try sharedLoop.get() }
}
