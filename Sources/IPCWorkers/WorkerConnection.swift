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
  /// After so many workers in succession that died before they began a job, the connection gives up.
  private static let mostFailures = 10
  /// The pause before the next start after the first failure, doubled with each; and the longest.
  private static let firstPauseNanoseconds: UInt64 = 2_000_000
  private static let longestPauseNanoseconds: UInt64 = 200_000_000
  /// A worker that dies sooner than this, without having begun a job, came to nothing.
  private static let shortLifeNanoseconds: UInt64 = 1_000_000_000
  /// How long a worker may take to end after its pipe was closed.
  private static let endTimeout = Duration.seconds(1)
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
  ///
  /// A worker that dies is replaced, also before it is ready, and while it has no job. After some in succession that came to
  /// nothing the connection gives up: a worker that dies at each start must not be started for ever.
  func run() {
    var exits: [ChildProcess.Exit?] = []
    let first = Deadline.within(pool.options.startTimeout)
    var hasBeenReady = false
    while !pool.isOver {
      do throws(StartFailure) {
        // The first one is waited for: its timeout holds for all attempts.
        var worker = try start(
          earlier: exits, until: hasBeenReady ? .within(pool.options.startTimeout) : first,
          isFirst: !hasBeenReady)
        hasBeenReady = true
        let end = serve(&worker)
        let exit = finish(&worker, died: end != .closed)
        switch end {
        case .closed: return
        case .diedUnused where exit?.isFromOutside == false:
          throw StartFailure(
            reason: notReady(exit, earlier: exits, after: .closed, until: "began a job"), isDeath: true,
            exit: exit)
        case .died, .diedUnused:
          // What kills it from outside says nothing about the next one, which is ready for a while too.
          exits = []
        }
      } catch {
        if pool.isOver { return }
        exits.append(error.exit)
        // A program that can't be started at all, or serves something else, won't do better the next time.
        if exits.count >= Self.mostFailures || (!hasBeenReady && !error.isDeath) {
          return pool.giveUp(error.reason, wasReady: hasBeenReady)
        }
        pool.pause(
          nanoseconds: min(
            Self.firstPauseNanoseconds << UInt64(exits.count - 1), Self.longestPauseNanoseconds))
      }
    }
  }

  /// Why a worker isn't ready.
  private struct StartFailure: Error {
    let reason: ChannelError
    /// It died, and another one may not.
    var isDeath = false
    /// How it ended, if that is known.
    var exit: ChildProcess.Exit?
  }

  /// A worker.
  private struct Worker: ~Copyable {
    var process: ChildProcess
    var jobs: ByteSender
    var results: ByteReceiver
    /// What it had used when it was ready.
    var baseline = Processes.Usage()
    var readyAt: UInt64 = 0
    /// Set when it has ended.
    let gone = Gone()
    /// Where it writes which job it begins.
    let board: WorkerBoard?
    /// The number of the first job that it gets.
    let firstJob: UInt64

    init(
      process: consuming ChildProcess, jobs: consuming ByteSender, results: consuming ByteReceiver,
      board: WorkerBoard?,
      firstJob: UInt64
    ) {
      self.process = process
      self.jobs = jobs
      self.results = results
      self.board = board
      self.firstJob = firstJob
    }
  }

  /// Whether a worker seems to have ended. Another thread sets it.
  final class Gone: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
    func clear() { flag.store(false, ordering: .relaxed) }
  }

  /// How the service of a worker ended.
  private enum End {
    /// The pool closes.
    case closed
    case died
    /// It died soon, before it had begun a job.
    case diedUnused
  }

  /// Starts a worker, and waits until it is ready.
  /// - Parameter earlier: how those ended that were started before it in succession, and weren't ready.
  private func start(
    earlier: [ChildProcess.Exit?], until deadline: Deadline, isFirst: Bool
  ) throws(StartFailure) -> Worker {
    var worker: Worker
    do throws(ChannelError) {
      worker = try spawn()
    } catch {
      throw StartFailure(reason: error)
    }
    pool.isStarting(index, process: worker.process.id)
    do throws(ChannelError) {
      worker.baseline = try awaitReady(&worker.results, until: deadline)
    } catch {
      // Before it is reaped: afterwards another process may get its id.
      pool.hasEnded(index)
      guard error.code == .closed || error.code == .timedOut else { throw StartFailure(reason: error) }
      let isClosed = error.code == .closed
      let exit = try? worker.process.wait(within: isClosed ? ChannelError.exitStatusTimeout : .zero)
      throw StartFailure(
        reason: notReady(exit, earlier: earlier, after: error.code, until: "was ready"),
        isDeath: isClosed || exit != nil, exit: exit)
    }
    worker.jobs.coalesces = true
    worker.readyAt = Clock.now()
    // Without it, the next job notices the death.
    try? worker.process.notify { [gone = worker.gone, work = pool.work] in
      gone.set()
      work.eventCount.wake()
    }
    pool.isReady(index, process: worker.process.id, isFirst: isFirst)
    return worker
  }

  private func notReady(
    _ exit: ChildProcess.Exit?, earlier: [ChildProcess.Exit?], after code: ChannelError.Code,
    until what: String
  ) -> ChannelError {
    .notReady(
      "the worker \(pool.options.executable ?? Processes.executable)", exit, earlier: earlier, after: code,
      within: pool.options.startTimeout, until: what, mustCall: pool.options.mustCall, pool.options.mechanism)
  }

  /// Starts a worker's process.
  private func spawn() throws(ChannelError) -> Worker {
    pool.starting.acquire()
    defer { pool.starting.release() }
    let options = pool.options
    var channel = options.channel
    channel.messageType = pool.type
    var jobs = try ByteChannel(over: options.mechanism, options: channel)
    var results = try ByteChannel(over: options.mechanism, options: channel)
    var spawn = Spawn(options.executable, arguments: options.arguments)
    spawn.environment = options.environment
    try spawn.pass(&jobs.receiver, as: PoolProtocol.jobs)
    try spawn.pass(&results.sender, as: PoolProtocol.results)
    try options.prepare?(&spawn)
    let shared: (board: WorkerBoard, file: WorkerBoard.OpenFile)?
    do throws(SystemError) {
      shared = try WorkerBoard.pass(
        to: &spawn, jobs: options.largestWindow, isStrict: options.cancellation == .killsWorker)
    } catch {
      throw ChannelError(error, .spawn, options.mechanism)
    }
    let sender = jobs.sender
    let receiver = results.receiver
    defer { withExtendedLifetime(shared?.file) {} }
    return Worker(
      process: try spawn.start(), jobs: sender, results: receiver, board: shared?.board, firstJob: nextID)
  }

  /// Waits for a worker's first message: what it has used so far.
  private func awaitReady(
    _ results: inout ByteReceiver, until deadline: Deadline
  ) throws(ChannelError) -> Processes.Usage {
    let (type, mechanism) = (pool.type, pool.options.mechanism)
    let left =
      deadline.remaining.map { Duration.nanoseconds(Int64(clamping: $0)) } ?? pool.options.startTimeout
    let ready: Result<Processes.Usage, ChannelError> = try results.receive(within: left) { bytes in
      do throws(ChannelError) {
        var reader = MessageReader(bytes)
        let header = try PoolProtocol.ResultHeader(from: &reader)
        if header.status == .otherTypes {
          let theirs = MessageType(text: try reader.text(count: reader.remaining))
          try MessageType.check(type, theirs, .spawn, mechanism)
        }
        guard header.status == .ready else {
          throw .invalid("the first message of a worker must say that it is ready")
        }
        return .success(try Processes.Usage(from: &reader))
      } catch {
        return .failure(error)
      }
    }
    return try ready.get()
  }

  // MARK: Serving

  /// Sends jobs and receives outputs until the pool closes or the worker dies.
  private func serve(_ worker: inout Worker) -> End {
    do throws(ChannelError) {
      while true {
        if unsent.count == 0, open < window {
          pool.lease(window - open, waits: open == 0, unless: worker.gone, into: &unsent)
          if unsent.count == 0, open == 0 {
            guard worker.gone.isSet, !pool.isOver else { return .closed }
            if worker.process.hasEnded(within: Self.endTimeout) { return replace(&worker) }
            // It lives, and has closed the pipe that tells of its end.
            worker.gone.clear()
          }
        }
        try send(&worker)
        try receive(&worker)
      }
    } catch {
      // `closed`: the worker has died. Any other error: it has sent something invalid, and is treated as if it had died.
      worker.process.kill()
      // What it had sent before.
      while open > 0, (try? receive(&worker)) != nil {}
      return replace(&worker)
    }
  }

  /// A worker has died: its jobs go to others.
  private func replace(_ worker: inout Worker) -> End {
    current?.range = unanswered
    var lost = (current.map { [$0] } ?? []) + inFlight.takeAll()
    let first = nextID - UInt64(lost.reduce(0) { $0 + $1.range.count })
    current = nil
    unanswered = 0..<0
    window = 1
    meanNanoseconds = 0
    // It is dead: what it has written stays so.
    let begun = worker.board?.begun
    // Those behind the last one that was begun were only on their way.
    let waiting =
      begun.map { Self.split(&lost, after: $0 < first ? 0 : Int(clamping: $0 - first) &+ 1) } ?? []
    pool.requeue(lost, unsent: waiting + unsent.takeAll(), of: index)
    let wasUsed = first > worker.firstJob || !lost.isEmpty || (begun ?? 0) >= worker.firstJob
    return wasUsed || Clock.now() - worker.readyAt > Self.shortLifeNanoseconds ? .died : .diedUnused
  }

  /// Removes all but the first jobs of some leases, and returns those.
  private static func split(_ leases: inout [Lease], after count: Int) -> [Lease] {
    var left = max(0, count)
    var rest: [Lease] = []
    var kept: [Lease] = []
    for lease in leases {
      let taken = min(left, lease.range.count)
      left -= taken
      let middle = lease.range.lowerBound + taken
      var part = lease
      part.range = lease.range.lowerBound..<middle
      if !part.range.isEmpty { kept.append(part) }
      part.range = middle..<lease.range.upperBound
      if !part.range.isEmpty { rest.append(part) }
    }
    leases = kept
    return rest
  }

  /// Sends the jobs that fit into the channel without waiting.
  private func send(_ worker: inout Worker) throws(ChannelError) {
    let transport = worker.jobs.transport
    let now = Clock.now()
    while let lease = unsent.front {
      let ticket = lease.batch.ticket
      if let ticket, !isSending(ticket, to: worker) {
        _ = unsent.take(lease.range.count)
        continue
      }
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
          if Tracer.isOn {
            Tracer.record(
              .jobLeased, object: worker.process.id, other: Int32(clamping: lease.attempts),
              value: Int64(truncatingIfNeeded: nextID), detail: UInt64(job))
          }
        } catch {
          fault = error
          break
        }
        nextID += 1
        sent += 1
      }
      if let taken = unsent.take(sent) { inFlight.append(taken) }
      if sent == 0 { ticket?.isBack() }
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

  /// Whether a job that may be cancelled is still wanted. It has the next number from then on.
  private func isSending(_ ticket: JobTicket, to worker: borrowing Worker) -> Bool {
    guard let board = worker.board else { return !ticket.isSettled }
    return ticket.isSent(
      to: JobTicket.Place(connection: index, process: worker.process.id, board: board, number: nextID))
  }

  /// Waits for one output, then takes all that have arrived.
  private func receive(_ worker: inout Worker) throws(ChannelError) {
    let transport = worker.results.transport
    var outcomes: OutcomeList?
    defer { if let outcomes { record(outcomes) } }
    while open > 0, let bytes = unsafe try transport.take(until: outcomes == nil ? .never : .now) {
      defer { transport.release() }
      let bytes = unsafe Span<UInt8>(_unsafeBytes: bytes)
      try read(bytes, &outcomes, of: worker.process.id)
    }
  }

  /// Matches an output with its job.
  private func read(
    _ bytes: Span<UInt8>, _ outcomes: inout OutcomeList?, of process: Int32
  ) throws(ChannelError) {
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
    if Tracer.isOn {
      Tracer.record(
        .jobAnswered, object: process, other: header.status == .done ? 0 : 1,
        value: Int64(truncatingIfNeeded: header.id), detail: UInt64(unanswered.lowerBound))
    }
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
    window = max(1, min(pool.options.largestWindow, WorkerBoard.mostJobs, Int(wanted)))
    pool.complete(outcomes)
  }

  // MARK: Ending

  /// Closes the channels, waits until the worker has ended, and adds what it cost to the statistics.
  /// - Returns: how it ended.
  private func finish(_ worker: inout Worker, died: Bool) -> ChildProcess.Exit? {
    let carried = worker.jobs.bytesCarried + worker.results.bytesCarried
    let baseline = worker.baseline
    worker.jobs.transport.close()
    worker.results.transport.close()
    if died { worker.process.kill() }
    // A worker ends when it finds its channel closed, unless it executes a job, which was cancelled in that case.
    // It is removed from the list before it is reaped: afterwards another process may get its id.
    pool.hasEnded(index)
    if (try? worker.process.wait(within: Self.exitTimeout)) == nil { worker.process.kill() }
    let exit = try? worker.process.wait()
    let usage = worker.process.usage
    pool.state.withLock { state in
      state.statistics.channelBytes += carried
      state.statistics.dispatch.add(dispatch)
      state.statistics.workNanoseconds += worked
      if let usage { state.statistics.add(usage, since: baseline) }
    }
    dispatch = Histogram()
    worked = 0
    return exit
  }
}
