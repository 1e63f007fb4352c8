import CBaseline
import IPC
import IPCWorkers
import Synchronization
import SystemCalls

/// A worker pool in a process of its own, with jobs that do nothing.
final class PoolExchange: Exchange {
  /// The argument with which a worker of the pool is started.
  static let workerArgument = "--bench-worker"

  private let pool: WorkerPool<[UInt8], UInt64>
  private var jobs: UInt64 = 0

  init(_ spec: ExchangeSpec) throws {
    var options = WorkerPoolOptions(workers: spec.processes, over: try Mechanism(named: spec.mechanism))
    options.arguments = [Self.workerArgument]
    options.mustCall = nil
    options.channel.wait = WaitStrategy(rawValue: spec.wait) ?? .adaptive
    pool = try WorkerPool(options)
  }

  func run(_ context: ExchangeContext, _ run: ExchangeRun) throws -> Int32 {
    let size = context.spec.size
    let jobs = run.numbers.lazy.map { number in
      var bytes = [UInt8](repeating: 0, count: size)
      for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index))) }
      return bytes
    }
    let tally = JobTally()
    pool.process(jobs) { outcome in
      tally.add(outcome)
      return []
    }
    let (done, total, failure) = tally.result
    if let failure { throw ExchangeFailure("a job failed: \(failure)") }
    self.jobs += run.count
    unsafe context.tally.pointee.received = done
    unsafe context.tally.pointee.sum = total
    return 0
  }

  func stop(_ receivers: Int) throws {}

  func close() { pool.close() }

  /// Adds what the workers used, for all jobs.
  func addUsage(to reply: inout ExchangeReply) {
    let workers = pool.statistics.workers
    reply.user = workers.userNanoseconds
    reply.system = workers.systemNanoseconds
    reply.voluntary = workers.voluntarySwitches
    reply.involuntary = workers.involuntarySwitches
    reply.received = jobs
  }
}

private final class JobTally: Sendable {
  private let state = Locked<(done: UInt64, sum: UInt64, failure: String?)>((0, 0, nil))

  func add(_ outcome: JobOutcome<[UInt8], UInt64>) {
    state.withLock { state in
      switch outcome.result {
      case .success(let number):
        state.done += 1
        state.sum &+= number
      case .failure(let failure): state.failure = failure.description
      }
    }
  }

  var result: (UInt64, UInt64, String?) { state.withLock { ($0.done, $0.sum, $0.failure) } }
}

extension BenchmarkProcess {
  package static var workerArgument: String { PoolExchange.workerArgument }

  /// Runs a worker of the pool, which answers each job with its number.
  package static func work() throws {
    try WorkerPool<[UInt8], UInt64>.serve { bytes in
      var number: UInt64 = 0
      for index in 0..<8 { number |= UInt64(bytes[index]) << (8 * UInt64(index)) }
      return number
    }
  }
}
