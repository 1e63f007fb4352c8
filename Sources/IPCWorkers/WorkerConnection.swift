import IPC
import Measurement
import Synchronization
import SystemCalls

/// One worker as the coordinator sees it: a thread that starts it, keeps it supplied, takes its outputs, and
/// starts another when it dies.
final class WorkerConnection<Job: Message & Sendable, Output: Message & Sendable> {
  private typealias Pool = PoolCore<Job, Output>

  /// A worker is given as much as keeps it busy this long, so that a wake-up (tens of microseconds) is paid once
  /// for many short jobs, and a long one doesn't make others wait behind it.
  private static var supply: Double { 400_000 }
  /// A larger job is sent only to an idle worker: a full channel each way would make both wait for each other.
  private static var smallJob: Int { 2048 }

  private let pool: Pool
  private let index: Int
  /// What the worker has, in the order in which it answers.
  private var inFlight: [Pool.Ticket] = []
  /// How many of them are answered.
  private var answered = 0
  private var nextID: UInt64 = 1
  /// What a job takes, roughly: a running mean.
  private var meanNanoseconds = 0.0
  private var window = 1
  private var writer = MessageWriter()
  private var dispatch = Histogram()
  private var worked: UInt64 = 0
  private var bytes = 0

  private var open: Int { inFlight.count - answered }

  init(_ pool: PoolCore<Job, Output>, _ index: Int) {
    self.pool = pool
    self.index = index
  }

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
        // The program is missing or never serves: trying for ever would help nobody.
        if failures >= 3 || first {
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
    var jobs: Sender
    var results: Receiver
    let baseline: Processes.Usage
  }

  private func start(first: Bool) throws(ChannelError) -> Worker {
    let options = pool.options
    let jobs = try Channel.make(over: options.mechanism, options: options.channel)
    let results = try Channel.make(over: options.mechanism, options: options.channel)
    var spawn = Spawn(options.executable, arguments: options.arguments)
    spawn.environment = options.environment
    var sender = jobs.sender
    var receiver = results.receiver
    try spawn.pass(jobs.receiver, as: PoolProtocol.jobs)
    try spawn.pass(results.sender, as: PoolProtocol.results)
    let process = try spawn.start()
    let baseline: Processes.Usage
    do throws(ChannelError) {
      let ready: Result<Processes.Usage, ChannelError> = try receiver.receive(within: .seconds(60)) { bytes in
        do throws(ChannelError) {
          var reader = MessageReader()
          let header = try PoolProtocol.ResultHeader(from: &reader, bytes)
          guard header.status == .ready else { throw .invalid("no greeting of a worker") }
          return .success(try Processes.Usage(from: &reader, bytes))
        } catch {
          return .failure(error)
        }
      }
      baseline = try ready.get()
    } catch {
      guard error.code == .closed || error.code == .timedOut else { throw error }
      throw ChannelError(
        .closed, .spawn, options.mechanism,
        "the worker \(options.executable ?? Processes.executable) didn't say that it is ready: its main must call WorkerPool.serve first"
      )
    }
    sender.coalesces = true
    pool.isReady(index, process: process.id, first: first)
    return Worker(process: process, jobs: sender, results: receiver, baseline: baseline)
  }

  // MARK: Serving

  /// Leases jobs and takes outputs until the pool closes (false) or the worker dies (true).
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
      // Closed: the worker is dead. Anything else: it sent what is no answer, which is as good as dead.
      worker.process.kill()
      drain(&worker)
      let lost = Array(inFlight[answered...])
      inFlight = []
      answered = 0
      window = 1
      meanNanoseconds = 0
      pool.requeue(lost, untouched: unsent.reversed())
      return true
    }
  }

  /// Sends what goes without waiting.
  private func send(_ unsent: inout [Pool.Ticket], _ worker: inout Worker) throws(ChannelError) {
    guard !unsent.isEmpty else { return }
    let now = Clock.now()
    while let ticket = unsent.last {
      writer.removeAll()
      PoolProtocol.JobHeader(id: nextID, sentAt: now).encode(to: &writer)
      do throws(ChannelError) {
        try ticket.job.encode(to: &writer)
        if open == 0 {
          // An idle worker reads: waiting for it is safe.
          try worker.jobs.send(writer.bytes.span)
        } else {
          guard writer.bytes.count <= Self.smallJob, try worker.jobs.trySend(writer.bytes.span) else { break }
        }
      } catch {
        // A job that can't be sent at all fails by itself; a dead worker is the caller's matter.
        guard error.code == .messageTooLong || error.code == .invalidMessage else { throw error }
        unsent.removeLast()
        pool.complete([(ticket, outcome(ticket, .failure(.failed(error.description)), 0, 0))])
        continue
      }
      unsent.removeLast()
      nextID += 1
      inFlight.append(ticket)
    }
    _ = try worker.jobs.end.flush(until: .now)
  }

  /// Waits for one output, and takes all that have come.
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
    settle(outcomes)
    if let failure { throw failure }
  }

  /// What a dead worker had answered already.
  private func drain(_ worker: inout Worker) {
    var outcomes: [(ticket: Pool.Ticket, outcome: JobOutcome<Job, Output>)] = []
    while let next = try? worker.results.receive({ self.read($0) }), case .success(let outcome) = next {
      outcomes.append(outcome)
    }
    settle(outcomes)
  }

  private func settle(_ outcomes: [(ticket: Pool.Ticket, outcome: JobOutcome<Job, Output>)]) {
    guard !outcomes.isEmpty else { return }
    let total = outcomes.reduce(0.0) { $0 + Double($1.outcome.workNanoseconds) }
    let mean = total / Double(outcomes.count)
    meanNanoseconds = meanNanoseconds == 0 ? mean : meanNanoseconds * 0.75 + mean * 0.25
    // Jobs of no length at all still cost their way there and back.
    let wish = Self.supply / max(meanNanoseconds, 200)
    window = max(1, min(pool.options.largestWindow, Int(wish)))
    pool.complete(outcomes)
  }

  private func read(
    _ bytes: Span<UInt8>
  ) -> Result<(ticket: Pool.Ticket, outcome: JobOutcome<Job, Output>), ChannelError> {
    do throws(ChannelError) {
      var reader = MessageReader()
      let header = try PoolProtocol.ResultHeader(from: &reader, bytes)
      // Answers come in the order of the jobs.
      guard header.status != .ready, open > 0, header.id == nextID &- UInt64(open) else {
        throw .invalid("an answer to no question of ours")
      }
      let ticket = inFlight[answered]
      answered += 1
      if answered == inFlight.count {
        inFlight.removeAll(keepingCapacity: true)
        answered = 0
      } else if answered >= 1024 {
        inFlight.removeFirst(answered)
        answered = 0
      }
      let rest = bytes.extracting(reader.offset...)
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

  /// Closes the channels, waits for the worker to end, and adds up what it cost.
  private func finish(_ worker: inout Worker, died: Bool) {
    let carried = worker.jobs.bytesCarried + worker.results.bytesCarried
    let baseline = worker.baseline
    worker.jobs.end.close()
    worker.results.end.close()
    if died { worker.process.kill() }
    // It ends as soon as it finds its channel closed; one that doesn't is in a job that nobody waits for.
    // Off the list before it is reaped: from then on its number may be another's.
    pool.hasEnded(index)
    let exit = try? worker.process.wait(within: .seconds(2))
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
