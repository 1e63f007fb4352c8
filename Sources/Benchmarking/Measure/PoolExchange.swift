import CBaseline
import IPC
import IPCWorkers
import Synchronization
import SystemCalls

/// Jobs that do nothing: a worker pool in a process of its own.
final class PoolExchange: Exchange {
  /// What a worker of the pool is started with.
  static let workerArgument = "--bench-worker"

  private let pool: WorkerPool<[UInt8], UInt64>
  private var jobs: UInt64 = 0

  init(_ spec: PartSpec) throws {
    var options = WorkerPoolOptions(workers: spec.processes, over: try Mechanism(named: spec.mechanism))
    options.arguments = [Self.workerArgument]
    options.channel.wait = WaitStrategy(rawValue: spec.wait) ?? .adaptive
    pool = try WorkerPool(options)
  }

  func run(_ side: Side, first: UInt64, count: UInt64, verifies: Bool, pace: PartCommand.Pace?) throws
    -> Int32
  {
    let size = side.spec.size
    let jobs = (first..<(first + count)).lazy.map { number in
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
    self.jobs += count
    unsafe side.tally.pointee.received = done
    unsafe side.tally.pointee.sum = total
    return 0
  }

  func stop(_ receivers: Int) throws {}

  func close() { pool.close() }

  /// What the workers used, over all jobs.
  func addUsage(to reply: inout PartReply) {
    let workers = pool.statistics.workers
    reply.user = workers.userNanoseconds
    reply.system = workers.systemNanoseconds
    reply.voluntary = workers.voluntarySwitches
    reply.involuntary = workers.involuntarySwitches
    reply.received = jobs
  }
}

private final class JobTally: Sendable {
  private let state = Mutex<(done: UInt64, sum: UInt64, failure: String?)>((0, 0, nil))

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

extension BenchmarkPart {
  package static var workerArgument: String { PoolExchange.workerArgument }

  /// A worker of the jobs workload: answers with the job's number.
  package static func work() throws {
    try WorkerPool<[UInt8], UInt64>.serve { bytes in
      var number: UInt64 = 0
      for index in 0..<8 { number |= UInt64(bytes[index]) << (8 * UInt64(index)) }
      return number
    }
  }
}

/// Copies memory, and nothing else: what a stream through memory can't be faster than.
@safe final class CopyExchange: Exchange {
  private let source: UnsafeMutableRawBufferPointer
  private let target: UnsafeMutableRawBufferPointer

  init(_ spec: PartSpec) {
    unsafe source = .allocate(byteCount: max(spec.size, 64), alignment: 64)
    // As large as the ring that the stream goes through.
    unsafe target = .allocate(
      byteCount: max(spec.size > 1 << 16 ? 8 * spec.size : spec.size, 1 << 20), alignment: 4096)
    unsafe source.initializeMemory(as: UInt8.self, repeating: 1)
    unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    unsafe source.deallocate()
    unsafe target.deallocate()
  }

  func run(_ side: Side, first: UInt64, count: UInt64, verifies: Bool, pace: PartCommand.Pace?) throws
    -> Int32
  {
    unsafe _ = baseline_copy(
      target.baseAddress!.assumingMemoryBound(to: UInt8.self), target.count,
      source.baseAddress!.assumingMemoryBound(to: UInt8.self), side.spec.size, count)
    unsafe side.tally.pointee.received = count
    unsafe side.tally.pointee.sum = count * (count - 1) / 2
    return 0
  }

  func stop(_ receivers: Int) throws {}
  func close() {}
}
