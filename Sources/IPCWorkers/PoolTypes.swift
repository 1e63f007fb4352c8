public import IPC
package import Measurement
package import SystemCalls

/// Why a job has no output.
public enum JobFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The work threw; its own words.
  case failed(String)
  /// Every worker that had the job died: so many of them.
  case killedItsWorkers(Int)
  /// The pool was cancelled or closed before the job was done.
  case cancelled
  /// The pool can't go on: no worker could be started.
  case poolFailed(ChannelError)

  /// One line.
  public var description: String {
    switch self {
    case .failed(let words): words
    case .killedItsWorkers(let count): "the job was given up: \(count) workers died while they had it"
    case .cancelled: "the pool was closed before the job was done"
    case .poolFailed(let error): error.description
    }
  }
}

/// How a job went.
public struct JobOutcome<Job: Sendable, Output: Sendable>: Sendable {
  /// The job.
  public let job: Job
  /// What the worker made of it.
  public let result: Result<Output, JobFailure>
  /// Which worker, counted from 0.
  public let worker: Int
  /// How many workers had it.
  public let attempts: Int
  /// From the coordinator's send to the worker's receive, in nanoseconds; includes waiting behind other jobs.
  public let dispatchNanoseconds: UInt64
  /// What the work itself took, in nanoseconds.
  public let workNanoseconds: UInt64
}

/// How a pool is set up.
public struct WorkerPoolOptions: Sendable {
  /// How many worker processes.
  public var workers: Int
  /// The mechanism between coordinator and workers, and its options.
  public var mechanism: Mechanism
  /// The channels' options.
  public var channel = ChannelOptions()
  /// The workers' program; nil: this one.
  public var executable: String?
  /// The workers' arguments.
  public var arguments: [String] = []
  /// Variables added to the workers' environment.
  public var environment: [String: String] = [:]
  /// How many workers a job may kill before it is given up.
  public var attempts = 3
  /// The most jobs that a worker has at a time. It has one while jobs take milliseconds, and as many as make up
  /// for a wake-up while they take microseconds.
  public var largestWindow = 512

  /// So many workers over this mechanism.
  public init(workers: Int, over mechanism: Mechanism) {
    self.workers = workers
    self.mechanism = mechanism
    // Each worker has channels of its own.
    channel.senders = .one
    channel.receivers = .one
  }
}

/// What a pool did, and what it cost.
package struct PoolStatistics: Sendable {
  package var requeued = 0
  package var workersStarted = 0
  package var workersDied = 0
  package var channelBytes = 0
  package var workNanoseconds: UInt64 = 0
  package var dispatch = Histogram()
  /// Of the workers that have ended, from the moment they were ready; the peak is the sum of theirs.
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
