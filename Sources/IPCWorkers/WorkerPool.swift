public import IPC

/// A pool of worker processes. Its jobs are leased to the workers, answered in any order, and leased again when a worker
/// dies.
///
/// ```swift
/// // the worker's main:
/// try WorkerPool<String, Int>.serve { text in text.count }
/// // the coordinator:
/// let pool = try WorkerPool<String, Int>(WorkerPoolOptions(workers: 4, over: .memory))
/// let count = try await pool.run("hello")
/// ```
///
/// A worker holds a small window of jobs, so that it doesn't wait between two of them. The window follows the duration of
/// the jobs. When a worker dies, each job that it had begun and not answered is leased to another one, alone; those that it
/// hadn't begun are as before. After ``WorkerPoolOptions/attempts`` deaths a job fails.
/// Workers end with the coordinator, however it ends.
///
/// A worker that dies is replaced by another one. One that dies ten times in succession before it is ready isn't started
/// again: the others do the jobs, and without any the pool has failed, with ``JobFailure/poolFailed(_:)``.
///
/// A pool works over every mechanism that carries messages. It uses one thread and one pair of channels for each worker.
///
/// System calls: posix_spawn(3), wait4(2), and those of the mechanism.
public final class WorkerPool<Job: Message & Sendable, Output: Message & Sendable>: Sendable {
  // Jobs are encoded and outcomes decoded here, in code that is compiled where the types are known; the core moves bytes.
  @usableFromInline let core: PoolCore

  /// Starts the workers, and waits until each is ready.
  /// - Throws: `notSupported` for a mechanism that carries no messages or a number of workers under 1; `system` when the
  ///   program can't be started; `closed` when it ends before it is ready, ten times in succession; `timedOut` when
  ///   it doesn't serve within ``WorkerPoolOptions/startTimeout``; `typeMismatch` when it serves other types; `notServed` when this
  ///   process is a worker itself and doesn't serve.
  public init(_ options: WorkerPoolOptions) throws(ChannelError) {
    core = try PoolCore(options, try PoolProtocol.type(Job.self, Output.self))
  }

  deinit { core.close() }

  /// Executes jobs in a worker process until the coordinator closes the pool or dies. Call it first in `main`.
  /// An error that `work` throws is sent to the coordinator as its description: ``JobFailure/failed(_:)``.
  /// - Throws: `notSupported` when no pool started this process; `typeMismatch` when the pool has other types;
  ///   `invalidMessage` when the coordinator sends something
  ///   else than jobs; `system`.
  @inlinable public static func serve(_ work: (Job) throws -> Output) throws(ChannelError) {
    try service().run { (bytes, answer) throws(ChannelError) in
      let job: Job
      do throws(ChannelError) {
        job = try Job(decoding: bytes)
      } catch {
        return answer.fail(error)
      }
      answer.begin()
      do {
        let output = try work(job)
        answer.end()
        try output.encode(to: &answer.writer)
      } catch {
        answer.fail(error)
      }
    }
  }

  @usableFromInline static func service() throws(ChannelError) -> WorkerService {
    WorkerService(try PoolProtocol.type(Job.self, Output.self))
  }

  // MARK: Jobs

  /// Executes one job, and returns its output.
  ///
  /// Cancelling the task ends the wait at once. A job that no worker has begun is never begun; what happens to one that was
  /// begun says ``WorkerPoolOptions/cancellation``.
  /// - Throws: ``JobFailure``; `CancellationError` when the task is cancelled.
  @inlinable public func run(_ job: Job) async throws -> Output {
    let ticket = JobTicket()
    let result: Result<Output, JobFailure>? = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let batch = JobBatch(ticket) { outcomes in
          outcomes.decode { (outcome: JobOutcome<Job, Output>) in
            if ticket.settle() { continuation.resume(returning: outcome.result) }
            return []
          }
        }
        guard ticket.wait({ continuation.resume(returning: nil) }) else { return }
        core.submit(JobList([job]), batch)
      }
    } onCancel: {
      core.cancel(ticket)
    }
    guard let result else { throw CancellationError() }
    return try result.get()
  }

  /// Executes many jobs, and waits until all of them are done.
  ///
  /// - Parameters:
  ///   - jobs: the jobs to begin with.
  ///   - handle: receives each outcome as it arrives, one at a time, on a thread of the pool. It returns the further jobs to
  ///     which the outcome leads.
  @inlinable public func process(
    _ jobs: some Sequence<Job>, _ handle: @escaping @Sendable (JobOutcome<Job, Output>) -> [Job]
  ) {
    core.process(JobList(Array(jobs)), JobBatch { outcomes in outcomes.decode(handle) })
  }

  // MARK: Ending

  /// The workers' process ids, by the index of the worker.
  public var workerProcesses: [Int: Int32] { core.workerProcesses }

  /// Ends the pool now: kills the workers, and fails the jobs that aren't done with ``JobFailure/cancelled``. Any thread may
  /// call it.
  public func cancel() { core.cancel() }

  /// Lets the workers finish the jobs that are queued, and waits until they have ended. Releasing the pool does the same.
  public func close() { core.close() }

  /// What the pool has done so far. Complete after ``close()``.
  package var statistics: PoolStatistics { core.statistics }
}
