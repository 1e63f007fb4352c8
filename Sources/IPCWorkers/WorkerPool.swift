public import IPC

/// A coordinator and N worker processes: jobs are leased to workers, answered in any order, and leased again when
/// a worker dies.
///
/// ```swift
/// // the worker's main:
/// try WorkerPool<String, Int>.serve { text in text.count }
/// // the coordinator:
/// let pool = try WorkerPool<String, Int>(WorkerPoolOptions(workers: 4, over: .memory))
/// let count = try await pool.run("hello")
/// ```
///
/// A worker has a small window of jobs, so that it never waits for a wake-up between two; how many follows how
/// long they take. A job whose worker dies goes to a fresh one, alone; after
/// ``WorkerPoolOptions/attempts`` of them it is a failure. Workers die with the coordinator, however it ends.
///
/// Over every mechanism that carries messages. One thread per worker here, one connection to each.
public final class WorkerPool<Job: Message & Sendable, Output: Message & Sendable>: Sendable {
  private let core: PoolCore<Job, Output>

  /// Starts the workers, and waits until each is ready.
  /// - Throws: `notSupported` for a mechanism without messages or a count under 1; `system` when the program can't
  ///   be started; `closed` when it ends before it serves.
  public init(_ options: WorkerPoolOptions) throws(ChannelError) { core = try PoolCore(options) }

  deinit { core.close() }

  /// Serves jobs in a worker process until the coordinator closes the pool or dies. Call it first in `main`.
  /// What `work` throws is the job's failure, by its description.
  public static func serve(_ work: (Job) throws -> Output) throws(ChannelError) {
    try WorkerService<Job, Output>.run(work)
  }

  // MARK: Jobs

  /// Has one job done. Throws ``JobFailure``.
  public func run(_ job: Job) async throws -> Output {
    let result: Result<Output, JobFailure> = await withCheckedContinuation { continuation in
      let batch = JobBatch<Job, Output> { outcome in
        continuation.resume(returning: outcome.result)
        return []
      }
      core.submit([job], batch)
    }
    return try result.get()
  }

  /// Has many jobs done, and waits. `handle` gets each outcome as it comes, one at a time, on a thread of the
  /// pool's, and returns the jobs that it leads to.
  public func process(
    _ jobs: some Sequence<Job>, _ handle: @escaping @Sendable (JobOutcome<Job, Output>) -> [Job]
  ) {
    let batch = JobBatch<Job, Output>(handle)
    core.submit(Array(jobs), batch)
    batch.wait()
  }

  // MARK: Ending

  /// The workers' process ids, by their number.
  public var workerProcesses: [Int: Int32] { core.workerProcesses }

  /// Ends it now: kills the workers; jobs that aren't done fail with `cancelled`. May be called from any thread.
  public func cancel() { core.cancel() }

  /// Lets the workers finish what they have, and waits until they have ended. Going out of scope does the same.
  public func close() { core.close() }

  /// What it did so far; complete after ``close()``.
  package var statistics: PoolStatistics { core.statistics }
}
