import IPC
import Measurement
import Synchronization
import SystemCalls

/// The coordinator's connection to one worker. Its thread starts the worker, sends it jobs, receives its outputs, and
/// starts another worker when it dies.
final class WorkerConnection {
  /// A worker holds jobs for about this long, so that one wake-up (tens of microseconds) serves many short jobs, and no
  /// job waits behind a long one.
  private static let windowNanoseconds = 2_000_000.0
  /// The least time that a job is taken to cost: even an empty job has to be sent and answered.
  private static let leastJobNanoseconds = 200.0
  /// A larger job is sent to an idle worker only: if the channels of both directions were full, both processes would wait
  /// for each other.
  private static let maximumPipelinedBytes = 2048
  /// How long a worker may take from its start to its first message.
  static let startTimeout = Duration.seconds(15)
  /// After so many failed starts in succession, the pool fails.
  private static let maximumStartFailures = 3
  /// How long a worker may take to end after its channels were closed.
  private static let exitTimeout = Duration.seconds(2)

  private let pool: PoolCore
  private let index: Int
  /// Jobs that are leased and not sent yet.
  private var unsent = LeaseQueue()
  /// The jobs that the worker has, in the order in which it answers, behind those of ``current``.
  private var inFlight = LeaseQueue()
  /// The lease of the jobs that are answered next, and which of them aren't answered.
  private var current: Lease?
  private var unanswered = 0..<0
  private var nextID: UInt64 = 1
  /// A running mean of the duration of a job.
  private var meanNanoseconds = 0.0
  /// How many jobs the worker may hold.
  private var window = 1
  private var writer = MessageWriter()
  private var dispatch = Histogram()
  private var worked: UInt64 = 0

  /// How many jobs the worker holds.
  private var open: Int { inFlight.count + unanswered.count }

  init(_ pool: PoolCore, _ index: Int) {
    self.pool = pool
    self.index = index
  }

  /// Keeps a worker running until the pool ends.
  func run() {
    var failures = 0
    var first = true
    while true {
      do throws(ChannelError) {
        var worker = try start(first: first)
        first = false
        failures = 0
        let died = serve(&worker)
        finish(&worker, died: died)
        if !died { return }
      } catch {
        failures += 1
        // The program is missing or never becomes ready: further attempts would fail too.
        if failures >= Self.maximumStartFailures || first {
          pool.fail(error)
          return
        }
      }
      if pool.state.withLock({ $0.isCancelled || $0.failure != nil || ($0.isClosing && $0.waiting == 0) }) {
        return
      }
    }
  }

  /// A worker that is ready.
  private struct Worker: ~Copyable {
    var process: ChildProcess
    var jobs: ByteSender
    var results: ByteReceiver
    let baseline: Processes.Usage
  }

  private func start(first: Bool) throws(ChannelError) -> Worker {
    let options = pool.options
    let type = pool.type
    var channel = options.channel
    channel.messageType = type
    var jobs = try ByteChannel(over: options.mechanism, options: channel)
    var results = try ByteChannel(over: options.mechanism, options: channel)
    var spawn = Spawn(options.executable, arguments: options.arguments)
    spawn.environment = options.environment
    try spawn.pass(&jobs.receiver, as: PoolProtocol.jobs)
    try spawn.pass(&results.sender, as: PoolProtocol.results)
    try options.prepare?(&spawn)
    var sender = jobs.sender
    var receiver = results.receiver
    var process = try spawn.start()
    let baseline: Processes.Usage
    do throws(ChannelError) {
      let ready: Result<Processes.Usage, ChannelError> = try receiver.receive(within: pool.startTimeout) {
        bytes in
        do throws(ChannelError) {
          var reader = MessageReader(bytes)
          let header = try PoolProtocol.ResultHeader(from: &reader)
          if header.status == .otherTypes {
            let theirs = MessageType(text: try reader.text(count: reader.remaining))
            try MessageType.check(type, theirs, .spawn, options.mechanism)
          }
          guard header.status == .ready else {
            throw .invalid("the first message of a worker must say that it is ready")
          }
          return .success(try Processes.Usage(from: &reader))
        } catch {
          return .failure(error)
        }
      }
      baseline = try ready.get()
    } catch {
      guard error.code == .closed || error.code == .timedOut else { throw error }
      let exit = try? process.wait(within: error.code == .closed ? ChannelError.exitStatusTimeout : .zero)
      throw .notReady(
        "the worker \(options.executable ?? Processes.executable)", exit, after: error,
        within: pool.startTimeout, mustCall: "WorkerPool.serve", options.mechanism)
    }
    sender.coalesces = true
    pool.isReady(index, process: process.id, first: first)
    return Worker(process: process, jobs: sender, results: receiver, baseline: baseline)
  }

  // MARK: Serving

  /// Sends jobs and receives outputs until the pool closes (false) or the worker dies (true).
  private func serve(_ worker: inout Worker) -> Bool {
    do throws(ChannelError) {
      while true {
        if unsent.count == 0, open < window {
          pool.lease(window - open, waits: open == 0, into: &unsent)
          if unsent.count == 0, open == 0 { return false }
        }
        try send(&worker)
        try receive(&worker)
      }
    } catch {
      // `closed`: the worker has died. Any other error: it has sent something invalid, and is treated as if it had died.
      worker.process.kill()
      // What it had sent before.
      while open > 0, (try? receive(&worker)) != nil {}
      current?.range = unanswered
      let lost = (current.map { [$0] } ?? []) + inFlight.takeAll()
      current = nil
      unanswered = 0..<0
      window = 1
      meanNanoseconds = 0
      pool.requeue(lost, unsent: unsent.takeAll())
      return true
    }
  }

  /// Sends the jobs that fit into the channel without waiting.
  private func send(_ worker: inout Worker) throws(ChannelError) {
    let transport = worker.jobs.transport
    let now = Clock.now()
    while let lease = unsent.front {
      var sent = 0
      var fault: ChannelError?
      // A lease at a time: its jobs share what is counted.
      for job in lease.range {
        do throws(ChannelError) {
          if let fault = lease.jobs.faults[job] { throw fault }
          let bytes = lease.jobs.range(job)
          let isIdle = open + sent == 0
          guard isIdle || bytes.count <= Self.maximumPipelinedBytes else { break }
          writer.removeAll()
          PoolProtocol.JobHeader(id: nextID, sentAt: now).encode(to: &writer)
          writer.append(lease.jobs.bytes[bytes])
          let went = unsafe try writer.bytes.span.withUnsafeBytes { bytes throws(ChannelError) in
            // An idle worker receives, so waiting for it is safe.
            unsafe try transport.send(bytes, until: isIdle ? .never : .now)
          }
          guard went else { break }
        } catch {
          fault = error
          break
        }
        nextID += 1
        sent += 1
      }
      if let taken = unsent.take(sent) { inFlight.append(taken) }
      if let fault {
        // A job that can't be sent at all fails; a worker that has died is handled by the caller.
        guard fault.code == .messageTooLong || fault.code == .invalidMessage, let failed = unsent.take(1)
        else {
          throw fault
        }
        pool.complete(OutcomeList(failed, .failed(fault.description), attempts: failed.attempts + 1))
      } else if sent < lease.range.count {
        break
      }
    }
    _ = try transport.flush(until: .now)
  }

  /// Waits for one output, then takes all that have arrived.
  private func receive(_ worker: inout Worker) throws(ChannelError) {
    let transport = worker.results.transport
    var outcomes: OutcomeList?
    defer { if let outcomes { record(outcomes) } }
    while open > 0, let bytes = unsafe try transport.take(until: outcomes == nil ? .never : .now) {
      defer { transport.release() }
      let bytes = unsafe Span<UInt8>(_unsafeBytes: bytes)
      try read(bytes, &outcomes)
    }
  }

  /// Matches an output with its job.
  private func read(_ bytes: Span<UInt8>, _ outcomes: inout OutcomeList?) throws(ChannelError) {
    var reader = MessageReader(bytes)
    let header = try PoolProtocol.ResultHeader(from: &reader)
    // A worker answers in the order of the jobs.
    guard header.status == .done || header.status == .failed, header.id == nextID &- UInt64(open) else {
      throw .invalid("an output for a job that the worker doesn't have")
    }
    if unanswered.isEmpty {
      current = inFlight.take(.max)
      unanswered = current?.range ?? 0..<0
      if let list = outcomes, let current { outcomes = next(list, current) }
    }
    if outcomes == nil, let current {
      outcomes = OutcomeList(current, worker: index, capacity: open)
    }
    outcomes?.append(
      reader.rest(), isDone: header.status == .done, unanswered.lowerBound,
      dispatch: header.dispatchNanoseconds, work: header.workNanoseconds)
    unanswered = (unanswered.lowerBound + 1)..<unanswered.upperBound
    dispatch.record(header.dispatchNanoseconds)
    worked &+= header.workNanoseconds
  }

  /// The list for the outcomes of a further lease: the same one, unless it is another batch's.
  private func next(_ outcomes: OutcomeList, _ lease: Lease) -> OutcomeList {
    if outcomes.batch === lease.batch {
      outcomes.begin(lease)
      return outcomes
    }
    record(outcomes)
    return OutcomeList(lease, worker: index, capacity: open)
  }

  /// Adapts the window to the duration of the jobs, and passes the outcomes on.
  private func record(_ outcomes: OutcomeList) {
    let mean = Double(outcomes.workNanoseconds) / Double(max(1, outcomes.records.count))
    meanNanoseconds = meanNanoseconds == 0 ? mean : meanNanoseconds * 0.75 + mean * 0.25
    let wanted = Self.windowNanoseconds / max(meanNanoseconds, Self.leastJobNanoseconds)
    window = max(1, min(pool.options.largestWindow, Int(wanted)))
    pool.complete(outcomes)
  }

  // MARK: Ending

  /// Closes the channels, waits until the worker has ended, and adds what it cost to the statistics.
  private func finish(_ worker: inout Worker, died: Bool) {
    let carried = worker.jobs.bytesCarried + worker.results.bytesCarried
    let baseline = worker.baseline
    worker.jobs.transport.close()
    worker.results.transport.close()
    if died { worker.process.kill() }
    // A worker ends when it finds its channel closed, unless it executes a job, which was cancelled in that case.
    // It is removed from the list before it is reaped: afterwards another process may get its id.
    pool.hasEnded(index)
    let exit = try? worker.process.wait(within: Self.exitTimeout)
    if exit == nil { worker.process.kill() }
    _ = try? worker.process.wait()
    let usage = worker.process.usage
    pool.state.withLock { state in
      state.statistics.channelBytes += carried
      state.statistics.dispatch.add(dispatch)
      state.statistics.workNanoseconds += worked
      if let usage { state.statistics.add(usage, since: baseline) }
    }
    dispatch = Histogram()
    worked = 0
  }
}
