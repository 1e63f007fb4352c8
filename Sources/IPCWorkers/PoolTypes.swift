public import IPC
package import Measurement
package import SystemCalls

/// Why a job has no output.
public enum JobFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The work threw an error with this description, or the job couldn't be sent.
  case failed(String)
  /// The workers that had begun the job died, this many of them.
  case killedItsWorkers(Int)
  /// The pool was cancelled or closed before the job was done.
  case cancelled
  /// The pool has failed: no worker could be started.
  case poolFailed(ChannelError)

  /// One line.
  public var description: String {
    switch self {
    case .failed(let description): description
    case .killedItsWorkers(let count): "the job failed: \(count) workers died after they had begun it"
    case .cancelled: "the pool was closed before the job was done"
    case .poolFailed(let error): error.description
    }
  }
}

/// How a job ended.
public struct JobOutcome<Job: Sendable, Output: Sendable>: Sendable {
  /// The job.
  public let job: Job
  /// The output, or why there is none.
  public let result: Result<Output, JobFailure>
  /// The index of the worker, from 0.
  public let worker: Int
  /// How many workers have had the job.
  public let attempts: Int
  /// The time from the coordinator's send to the worker's receive, in nanoseconds. It includes waiting behind other jobs.
  public let dispatchNanoseconds: UInt64
  /// The duration of the work itself, in nanoseconds.
  public let workNanoseconds: UInt64

  @inlinable init(
    job: Job, result: Result<Output, JobFailure>, worker: Int, attempts: Int, dispatchNanoseconds: UInt64,
    workNanoseconds: UInt64
  ) {
    self.job = job
    self.result = result
    self.worker = worker
    self.attempts = attempts
    self.dispatchNanoseconds = dispatchNanoseconds
    self.workNanoseconds = workNanoseconds
  }
}

/// The configuration of a pool.
public struct WorkerPoolOptions: Sendable {
  /// What cancelling a task does to the job that it waits for, where a worker has begun it.
  public enum Cancellation: Hashable, Sendable {
    /// The worker goes on, and its outcome is dropped.
    case dropsOutcome
    /// The worker is killed, and another one takes its place. Other jobs that it had go to others, as if they were new.
    case killsWorker
  }

  /// The number of worker processes.
  public var workers: Int
  /// The mechanism between coordinator and workers.
  public var mechanism: Mechanism
  /// The channels' options.
  public var channel = ChannelOptions()
  /// The path of the workers' program; nil: the program of this process.
  public var executable: String?
  /// The workers' arguments.
  public var arguments: [String] = []
  /// Variables added to the workers' environment.
  public var environment: [String: String] = [:]
  /// How long the pool waits for its workers at first; later, how long a worker that takes another one's place may take until
  /// it is ready.
  public var startTimeout = Duration.seconds(15)
  /// What cancelling a task in ``WorkerPool/run(_:)`` does to a job that a worker has begun.
  public var cancellation = Cancellation.dropsOutcome
  /// After how many workers that died with a job the job fails. Only those count that had begun it.
  public var attempts = 3
  /// The most jobs that a worker holds at a time. It holds one while jobs take milliseconds, and as many as outweigh the
  /// cost of a wake-up while they take microseconds.
  public var largestWindow = 512

  /// What the main of the workers' program must call, for the error of one that isn't ready; nil: it is known to.
  package var mustCall: String? = "WorkerPool.serve"
  /// Called for each worker before it starts: passes it further endpoints.
  package var prepare: (@Sendable (inout Spawn) throws(ChannelError) -> Void)?

  /// The configuration with this number of workers over this mechanism.
  public init(workers: Int, over mechanism: Mechanism) {
    self.workers = workers
    self.mechanism = mechanism
    // Each worker has its own channels.
    channel.senders = .one
    channel.receivers = .one
  }
}

/// What a pool has done, and what it has cost.
package struct PoolStatistics: Sendable {
  package var requeued = 0
  package var workersStarted = 0
  package var workersDied = 0
  package var channelBytes = 0
  package var workNanoseconds: UInt64 = 0
  package var dispatch = Histogram()
  /// The use of the workers that have ended, from the moment at which they were ready. The peak is the sum of their peaks.
  package var workers = Processes.Usage()

  package init() {}

  package mutating func add(_ usage: Processes.Usage, since start: Processes.Usage) {
    func grown<Value: FixedWidthInteger>(_ now: Value, _ before: Value) -> Value {
      now > before ? now - before : 0
    }
    workers.userNanoseconds += grown(usage.userNanoseconds, start.userNanoseconds)
    workers.systemNanoseconds += grown(usage.systemNanoseconds, start.systemNanoseconds)
    workers.voluntarySwitches += grown(usage.voluntarySwitches, start.voluntarySwitches)
    workers.involuntarySwitches += grown(usage.involuntarySwitches, start.involuntarySwitches)
    workers.peakKilobytes += usage.peakKilobytes
  }
}
