import IPC
import Measurement
import Synchronization
import SystemCalls

/// The coordinator's connection to one worker. Its thread starts the worker, sends it jobs, receives its outputs, and
/// starts another worker when it dies.
final class WorkerConnection<Job: Message & Sendable, Output: Message & Sendable> {
  private typealias Pool = PoolCore<Job, Output>

  /// A worker holds jobs for about this long, so that one wake-up (tens of microseconds) serves many short jobs, and no
  /// job waits behind a long one.
  private static var windowNanoseconds: Double { 400_000 }
  /// The least time that a job is taken to cost: even an empty job has to be sent and answered.
  private static var leastJobNanoseconds: Double { 200 }
  /// A larger job is sent to an idle worker only: if the channels of both directions were full, both processes would wait
  /// for each other.
  private static var maximumPipelinedBytes: Int { 2048 }
  /// How long a worker may take from its start to its first message.
  private static var startTimeout: Duration { .seconds(60) }
  /// After so many failed starts in succession, the pool fails.
  private static var maximumStartFailures: Int { 3 }
  /// How long a worker may take to end after its channels were closed.
  private static var exitTimeout: Duration { .seconds(2) }
  /// Answered jobs at the front of ``inFlight`` are removed from the array when there are this many.
  private static var compactionThreshold: Int { 1024 }

  private let pool: Pool
  private let index: Int
  /// The jobs that the worker has, in the order in which it answers.
  private var inFlight: [Pool.Ticket] = []
  /// How many of ``inFlight`` are answered.
  private var answered = 0
  private var nextID: UInt64 = 1
  /// A running mean of the duration of a job.
  private var meanNanoseconds = 0.0
  /// How many jobs the worker may hold.
  private var window = 1
  private var writer = MessageWriter()
  private var dispatch = Histogram()
  private var worked: UInt64 = 0

  /// How many jobs the worker holds.
  private var open: Int { inFlight.count - answered }

  init(_ pool: PoolCore<Job, Output>, _ index: Int) {
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
    let type = try PoolProtocol.type(Job.self, Output.self)
    var channel = options.channel
    channel.messageType = type
    var jobs = try ByteChannel(over: options.mechanism, options: channel)
    var results = try ByteChannel(over: options.mechanism, options: channel)
    var spawn = Spawn(options.executable, arguments: options.arguments)
    spawn.environment = options.environment
    try spawn.pass(&jobs.receiver, as: PoolProtocol.jobs)
    try spawn.pass(&results.sender, as: PoolProtocol.results)
    var sender = jobs.sender
    var receiver = results.receiver
    let process = try spawn.start()
    let baseline: Processes.Usage
    do throws(ChannelError) {
      let ready: Result<Processes.Usage, ChannelError> = try receiver.receive(within: Self.startTimeout) {
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
      throw ChannelError(
        .closed, .spawn, options.mechanism,
        "the worker \(options.executable ?? Processes.executable) ended or sent nothing before it was ready: its main must call WorkerPool.serve before anything else"
      )
    }
    sender.coalesces = true
    pool.isReady(index, process: process.id, first: first)
    return Worker(process: process, jobs: sender, results: receiver, baseline: baseline)
  }

  // MARK: Serving

  /// Sends jobs and receives outputs until the pool closes (false) or the worker dies (true).
  private func serve(_ worker: inout Worker) -> Bool {
    var unsent: [Pool.Ticket] = []
    do throws(ChannelError) {
      while true {
        if unsent.isEmpty, open < window {
          unsent = pool.lease(window - open, waits: open == 0)
          if unsent.isEmpty, open == 0 { return false }
          unsent.reverse()
        }
        try send(&unsent, &worker)
        try receive(&worker)
      }
    } catch {
      // `closed`: the worker has died. Any other error: it has sent something invalid, and is treated as if it had died.
      worker.process.kill()
      drain(&worker)
      let lost = Array(inFlight[answered...])
      inFlight = []
      answered = 0
      window = 1
      meanNanoseconds = 0
      pool.requeue(lost, unsent: unsent.reversed())
      return true
    }
  }

  /// Sends the jobs that fit into the channel without waiting.
  private func send(_ unsent: inout [Pool.Ticket], _ worker: inout Worker) throws(ChannelError) {
    guard !unsent.isEmpty else { return }
    let now = Clock.now()
    while let ticket = unsent.last {
      writer.removeAll()
      PoolProtocol.JobHeader(id: nextID, sentAt: now).encode(to: &writer)
      do throws(ChannelError) {
        try ticket.job.encode(to: &writer)
        if open == 0 {
          // An idle worker receives, so waiting for it is safe.
          try worker.jobs.send(writer.bytes.span)
        } else {
          guard writer.bytes.count <= Self.maximumPipelinedBytes, try worker.jobs.trySend(writer.bytes.span)
          else { break }
        }
      } catch {
        // A job that can't be sent at all fails; a worker that has died is handled by the caller.
        guard error.code == .messageTooLong || error.code == .invalidMessage else { throw error }
        unsent.removeLast()
        pool.complete([(ticket, outcome(ticket, .failure(.failed(error.description)), 0, 0))])
        continue
      }
      unsent.removeLast()
      nextID += 1
      inFlight.append(ticket)
    }
    _ = try worker.jobs.transport.flush(until: .now)
  }

  /// Waits for one output, then takes all that have arrived.
  private func receive(_ worker: inout Worker) throws(ChannelError) {
    guard open > 0 else { return }
    var outcomes: [(ticket: Pool.Ticket, outcome: JobOutcome<Job, Output>)] = []
    var failure: ChannelError?
    do throws(ChannelError) {
      outcomes.append(try worker.results.receive { self.read($0) }.get())
      while open > 0, let next = try worker.results.tryReceive({ self.read($0) }) {
        outcomes.append(try next.get())
      }
    } catch {
      failure = error
    }
    record(outcomes)
    if let failure { throw failure }
  }

  /// Takes the outputs that a worker sent before it died.
  private func drain(_ worker: inout Worker) {
    var outcomes: [(ticket: Pool.Ticket, outcome: JobOutcome<Job, Output>)] = []
    while let next = try? worker.results.receive({ self.read($0) }), case .success(let outcome) = next {
      outcomes.append(outcome)
    }
    record(outcomes)
  }

  /// Adapts the window to the duration of the jobs, and passes the outcomes on.
  private func record(_ outcomes: [(ticket: Pool.Ticket, outcome: JobOutcome<Job, Output>)]) {
    guard !outcomes.isEmpty else { return }
    let total = outcomes.reduce(0.0) { $0 + Double($1.outcome.workNanoseconds) }
    let mean = total / Double(outcomes.count)
    meanNanoseconds = meanNanoseconds == 0 ? mean : meanNanoseconds * 0.75 + mean * 0.25
    let wanted = Self.windowNanoseconds / max(meanNanoseconds, Self.leastJobNanoseconds)
    window = max(1, min(pool.options.largestWindow, Int(wanted)))
    pool.complete(outcomes)
  }

  /// Decodes an output, and matches it with its job.
  private func read(
    _ bytes: Span<UInt8>
  ) -> Result<(ticket: Pool.Ticket, outcome: JobOutcome<Job, Output>), ChannelError> {
    do throws(ChannelError) {
      var reader = MessageReader(bytes)
      let header = try PoolProtocol.ResultHeader(from: &reader)
      // A worker answers in the order of the jobs.
      guard header.status != .ready, open > 0, header.id == nextID &- UInt64(open) else {
        throw .invalid("an output for a job that the worker doesn't have")
      }
      let ticket = inFlight[answered]
      answered += 1
      if answered == inFlight.count {
        inFlight.removeAll(keepingCapacity: true)
        answered = 0
      } else if answered >= Self.compactionThreshold {
        inFlight.removeFirst(answered)
        answered = 0
      }
      let rest = reader.rest()
      let result: Result<Output, JobFailure> =
        header.status == .done
        ? .success(try Output(decoding: rest)) : .failure(.failed(try String(decoding: rest)))
      dispatch.record(header.dispatchNanoseconds)
      worked &+= header.workNanoseconds
      return .success((ticket, outcome(ticket, result, header.dispatchNanoseconds, header.workNanoseconds)))
    } catch {
      return .failure(error)
    }
  }

  private func outcome(
    _ ticket: Pool.Ticket, _ result: Result<Output, JobFailure>, _ dispatch: UInt64, _ work: UInt64
  ) -> JobOutcome<Job, Output> {
    JobOutcome(
      job: ticket.job, result: result, worker: index, attempts: ticket.attempts + 1,
      dispatchNanoseconds: dispatch,
      workNanoseconds: work)
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
