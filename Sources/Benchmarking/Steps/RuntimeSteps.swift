import Synchronization
import SystemCalls

/// What Swift's runtime takes for the same work, without a channel, a loop or a scheduler of this package: the
/// least that such a step can cost in Swift. Compare `channel-round-trip` and `scheduler-round-trip` with
/// `runtime-round-trip` and `runtime-cancellable`, and `scheduler-spawn` with `runtime-task-in-turn`.
enum RuntimeSteps {
  /// What the names of these steps begin with.
  static let prefix = "runtime-"

  static let all: [ConcurrencyStep] = [
    ConcurrencyStep(
      name: "runtime-job", what: "a task enqueued and run again (Task.yield), by the simplest executor"
    ) { count in
      try JobList.run { for _ in 0..<count { await Task.yield() } }
    },
    ConcurrencyStep(
      name: "runtime-round-trip",
      what: "two tasks that suspend and resume each other once, as in a round trip, without a channel"
    ) { count in
      try JobList.run { await alternate(count) { await $0.wait(waking: $1) } }
    },
    ConcurrencyStep(
      name: "runtime-cancellable", what: "the same where a task can be cancelled while it waits"
    ) { count in
      try JobList.run { await alternate(count) { await $0.waitCancellably(waking: $1) } }
    },
    ConcurrencyStep(
      name: "runtime-task",
      what:
        "a task made, run and ended on that executor, the oldest first: its maker is resumed once for many"
    ) { count in
      try JobList.run { await makeTasks(count) }
    },
    ConcurrencyStep(
      name: "runtime-task-in-turn",
      what: "the same, the newest first, as on the scheduler: its maker is resumed for each, two jobs a task"
    ) { count in
      try JobList.run(newestFirst: true) { await makeTasks(count) }
    },
  ]

  private static func makeTasks(_ count: Int) async {
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        if number >= ConcurrencyStep.tasksAtOnce { await group.next() }
        group.addTask {}
      }
    }
  }

  /// Two tasks that wait in turns, each after it has woken the other.
  private static func alternate(
    _ count: Int, _ wait: nonisolated(nonsending) @escaping @Sendable (Turn, Turn) async -> Void
  ) async {
    let one = Turn()
    let other = Turn()
    await withTaskGroup(of: Void.self) { group in
      for (mine, yours) in [(one, other), (other, one)] {
        group.addTask {
          for _ in 0..<count { await wait(mine, yours) }
          yours.wake()
        }
      }
    }
  }

  /// Where one of two tasks waits. Both run on the same thread.
  @safe private final class Turn: @unchecked Sendable {
    private var continuation: UnsafeContinuation<Void, Never>?
    private let isCancelled = Atomic(false)

    func wake() { unsafe continuation.take()?.resume() }

    nonisolated(nonsending) func wait(waking other: Turn) async {
      unsafe await withUnsafeContinuation { continuation in
        unsafe self.continuation = unsafe continuation
        other.wake()
      }
    }

    nonisolated(nonsending) func waitCancellably(waking other: Turn) async {
      await withTaskCancellationHandler {
        unsafe await withUnsafeContinuation { continuation in
          unsafe self.continuation = unsafe continuation
          other.wake()
        }
      } onCancel: {
        isCancelled.store(true, ordering: .relaxed)
      }
    }
  }
}

/// The simplest executor of tasks: a list of jobs, which the calling thread runs in their order.
private final class JobList: TaskExecutor, @unchecked Sendable {
  // Used by one thread only. No function of this class runs inside another one's access.
  @exclusivity(unchecked) private var jobs: [UnownedJob] = []
  @exclusivity(unchecked) private var running: [UnownedJob] = []
  private var took: UInt64?

  func enqueue(_ job: consuming ExecutorJob) { unsafe jobs.append(UnownedJob(job)) }

  /// Runs a function on a new list.
  /// - Returns: its time, in nanoseconds.
  static func run(newestFirst: Bool = false, _ body: @escaping @Sendable () async -> Void) throws -> UInt64 {
    let list = JobList()
    Task(executorPreference: list) {
      let start = Clock.now()
      await body()
      list.took = Clock.now() - start
    }
    return try newestFirst ? list.runNewest() : list.runJobs()
  }

  private func runJobs() throws -> UInt64 {
    let executor = unsafe asUnownedTaskExecutor()
    while unsafe !jobs.isEmpty {
      unsafe swap(&jobs, &running)
      for job in unsafe running { unsafe job.runSynchronously(on: executor) }
      unsafe running.removeAll(keepingCapacity: true)
    }
    return try timeTaken()
  }

  private func runNewest() throws -> UInt64 {
    let executor = unsafe asUnownedTaskExecutor()
    while let job = unsafe jobs.popLast() { unsafe job.runSynchronously(on: executor) }
    return try timeTaken()
  }

  private func timeTaken() throws -> UInt64 {
    guard let took else { throw BenchmarkError(.work, "a task waits that nothing resumes") }
    return took
  }
}
