import Glibc
import IPC
import Synchronization
import SystemCalls

/// What the connections of a pool share: the queue of jobs, the statistics, and the pool's end. Both the public
/// ``WorkerPool`` and the connections reference it, so that releasing the pool ends the connections. It isn't generic: jobs
/// are bytes here.
@usableFromInline final class PoolCore: Sendable {
  struct State: Sendable {
    /// Jobs to lease.
    var queue = LeaseQueue()
    /// Jobs to lease alone.
    var suspects: [Lease] = []
    var isClosing = false
    var isCancelled = false
    var failure: ChannelError?
    /// Why the last connection that gave up did: its workers died again and again.
    var gaveUp: ChannelError?
    var ready = 0
    /// Jobs that were cancelled before a worker had them, since the queue was last searched for them.
    var cancelled = 0
    /// Connections whose worker was killed because its job was cancelled.
    var killed: Set<Int> = []
    /// Connections whose thread hasn't ended.
    var connections = 0
    /// The workers' process ids, by the index of their connection.
    var processes: [Int: Int32] = [:]
    /// The same of those that aren't ready yet.
    var starting: [Int: Int32] = [:]
    var statistics = PoolStatistics()

    var waiting: Int { queue.count + suspects.count }

    /// Whether no worker is started any more.
    var isOver: Bool { isCancelled || failure != nil || (isClosing && waiting == 0) }

    /// Kills workers whose start no call waits for any more. Under the lock: a connection removes its worker from the lists
    /// before it reaps it, so that each id in them still belongs to a worker.
    func killStarting() {
      if isOver { for process in starting.values { Processes.kill(process, SIGKILL) } }
    }

    /// Removes the jobs that no worker has.
    mutating func takeAll() -> [Lease] {
      defer { suspects = [] }
      return queue.takeAll() + suspects
    }
  }

  let options: WorkerPoolOptions
  /// What both processes compare.
  let type: MessageType
  let state = Locked(State())
  /// Held while a worker's process starts: meanwhile the coordinator has the descriptors of both ends of its channels, and
  /// copies of them, and one worker at a time has few.
  let starting = Lock()
  /// Notified when there is a job to lease, or the pool is closing.
  let work = LocalEventCount()
  /// Notified when a connection is ready, or has ended.
  private let connectionChanges = LocalEventCount()

  /// Starts the workers, and waits until each is ready.
  /// - Throws: `notSupported` for a mechanism that carries no messages or a number of workers under 1; `system` when the
  ///   program can't be started; `closed` when it ends before it is ready, again and again; `timedOut` when it doesn't serve.
  init(_ options: WorkerPoolOptions, _ type: MessageType) throws(ChannelError) {
    guard options.workers > 0 else {
      throw ChannelError(
        .notSupported, .spawn, options.mechanism,
        "a pool can't have \(options.workers) workers: ask for 1 or more")
    }
    guard options.mechanism.traits.carries == .messages, options.mechanism.traits.anonymous else {
      throw ChannelError(
        .notSupported, .spawn, options.mechanism,
        "this mechanism carries no messages, which jobs are: choose one that does")
    }
    self.options = options
    self.type = type
    for index in 0..<options.workers {
      state.withLock { $0.connections += 1 }
      do throws(SystemError) {
        try Threads.start(name: "ipc-worker-\(index)") { [self] in
          WorkerConnection(self, index).run()
          connectionHasEnded()
        }
      } catch {
        state.withLock { $0.connections -= 1 }
        close()
        throw ChannelError(error, .spawn, options.mechanism)
      }
    }
    _ = try connectionChanges.eventCount.wait(until: .never) { () throws(ChannelError) in
      state.withLock { $0.ready == options.workers || $0.failure != nil || $0.connections == 0 }
    }
    if let failure = state.withLock({ $0.failure }) {
      close()
      throw failure
    }
  }

  // MARK: Jobs

  /// Queues jobs for a batch.
  @usableFromInline func submit(_ jobs: EncodedJobs, _ batch: JobBatch) {
    batch.expect(jobs.count)
    let lease = Lease(jobs: jobs, batch: batch, range: 0..<jobs.count)
    let accepted = state.withLock { state in
      if state.isClosing || state.failure != nil { return false }
      state.queue.append(lease)
      return true
    }
    if accepted { work.eventCount.notify() } else { refuse([lease]) }
  }

  /// Executes jobs, and those that they lead to.
  @usableFromInline func process(_ jobs: EncodedJobs, _ batch: JobBatch) {
    submit(jobs, batch)
    batch.wait()
  }

  /// Ends the wait for one job.
  @usableFromInline func cancel(_ ticket: JobTicket) {
    guard let (place, resume) = ticket.cancel() else { return }
    if let place {
      if options.cancellation == .killsWorker { kill(place) }
    } else {
      state.withLock { state in
        // Searching it each time would take long where many are cancelled; never, it would grow.
        state.cancelled += 1
        if state.cancelled > Self.mostCancelled, state.cancelled > state.queue.count / 2 {
          state.queue.removeCancelled()
          state.suspects.removeAll { $0.isCancelled }
          state.cancelled = 0
        }
      }
    }
    resume?()
  }

  /// Cancelled jobs that the queue may keep, however short it is.
  private static let mostCancelled = 64

  /// Kills a worker that has begun a job, unless it has answered it.
  private func kill(_ place: JobTicket.Place) {
    // The worker has written that it begins the job before it looks whether it was withdrawn.
    sharedMemoryFence()
    state.withLock { state in
      guard place.board.begun == place.number, state.processes[place.connection] == place.process else {
        return
      }
      state.killed.insert(place.connection)
      Processes.kill(place.process, SIGKILL)
    }
  }

  func refuse(_ leases: [Lease]) {
    guard !leases.isEmpty else { return }
    let failure = state.withLock { $0.failure }.map { JobFailure.poolFailed($0) } ?? .cancelled
    // The jobs that they lead to are dropped: no worker is left to do them.
    for lease in leases {
      lease.batch.deliver(OutcomeList(lease, failure, attempts: lease.attempts, submitsMore: false)) { _ in }
    }
  }

  // MARK: For the connections

  /// Leases up to `room` jobs to a connection. Waits for the first one if `waits`. No job: there are none, the pool is
  /// closing, or the connection's worker is `gone`.
  func lease(_ room: Int, waits: Bool, unless gone: WorkerConnection.Gone, into leased: inout LeaseQueue) {
    while !gone.isSet {
      let done = state.withLock { state in
        if state.isCancelled || state.failure != nil { return true }
        if !state.suspects.isEmpty {
          // Leased alone, to a worker that has no other job.
          if waits { leased.append(state.suspects.removeLast()) }
          return true
        }
        if state.queue.count > 0 {
          // At most a fair share, or the last jobs would wait for one worker while the others are idle.
          let share = (state.queue.count + options.workers - 1) / options.workers
          var left = min(room, share)
          while let lease = state.queue.take(left) {
            left -= lease.range.count
            leased.append(lease)
          }
          return true
        }
        return state.isClosing
      }
      if done || !waits { return }
      _ = try? work.eventCount.wait(until: .never) { () throws(ChannelError) in
        gone.isSet || state.withLock { $0.waiting > 0 || $0.isClosing || $0.failure != nil }
      }
    }
  }

  /// Handles outcomes, and queues the jobs that they lead to.
  func complete(_ outcomes: OutcomeList) {
    outcomes.batch.deliver(outcomes) { submit($0, outcomes.batch) }
  }

  /// A worker died. `lost` are the jobs that it had begun, `unsent` those that it hadn't.
  func requeue(_ lost: [Lease], unsent: [Lease], of connection: Int) {
    var abandoned: [Lease] = []
    for lease in lost + unsent { lease.batch.ticket?.isBack() }
    let isOver = state.withLock { state in
      state.statistics.workersDied += 1
      if state.isCancelled || state.failure != nil { return true }
      // Which job it was executing isn't known: answers that it held back were lost with it. The attempt therefore counts
      // for all of them, and each is leased alone from now on.
      let wasKilled = state.killed.remove(connection) != nil
      for lease in lost where !wasKilled && !lease.isCancelled {
        for job in lease.range {
          var alone = lease
          alone.range = job..<(job + 1)
          alone.attempts += 1
          alone.isSuspect = true
          if alone.attempts >= options.attempts {
            abandoned.append(alone)
          } else {
            state.statistics.requeued += 1
            state.suspects.append(alone)
          }
        }
      }
      for lease in (wasKilled ? lost : []) + unsent where !lease.isCancelled {
        if lease.isSuspect { state.suspects.append(lease) } else { state.queue.append(lease) }
      }
      return false
    }
    if isOver { return refuse(lost + unsent) }
    for lease in abandoned {
      complete(OutcomeList(lease, .killedItsWorkers(lease.attempts), attempts: lease.attempts))
    }
    work.eventCount.notify()
  }

  /// A connection has started a process, which isn't ready yet.
  func isStarting(_ connection: Int, process: Int32) {
    state.withLock { state in
      state.starting[connection] = process
      state.killStarting()
    }
  }

  /// The worker of a connection is ready; `isFirst`: for the first time.
  func isReady(_ connection: Int, process: Int32, isFirst: Bool) {
    state.withLock { state in
      state.starting[connection] = nil
      state.processes[connection] = process
      state.statistics.workersStarted += 1
      if isFirst { state.ready += 1 }
    }
    connectionChanges.eventCount.wake()
  }

  /// The worker of a connection is about to be reaped.
  func hasEnded(_ connection: Int) {
    state.withLock { state in
      state.starting[connection] = nil
      state.processes[connection] = nil
    }
  }

  /// Whether no worker is started any more.
  var isOver: Bool { state.withLock { $0.isOver } }

  /// Waits before a worker is started again.
  func pause(nanoseconds: UInt64) {
    let end = Deadline.within(.nanoseconds(Int64(nanoseconds)))
    _ = try? work.eventCount.wait(until: end) { () throws(ChannelError) in isOver }
  }

  /// A connection starts no worker any more. Without its first one the pool can't begin; later the others do the jobs.
  func giveUp(_ error: ChannelError, wasReady: Bool) {
    if wasReady { state.withLock { $0.gaveUp = error } } else { fail(error) }
  }

  /// The thread of a connection ends. With the last one the pool has failed, if it gave up.
  private func connectionHasEnded() {
    let left = state.withLock { state -> [Lease] in
      state.connections -= 1
      guard state.connections == 0, let error = state.gaveUp else { return [] }
      if state.failure == nil, !state.isCancelled { state.failure = error }
      return state.takeAll()
    }
    refuse(left)
    connectionChanges.eventCount.wake()
    work.eventCount.wake()
  }

  /// Ends the pool with an error: a worker can't be started.
  private func fail(_ error: ChannelError) {
    let left = state.withLock { state in
      if state.failure == nil { state.failure = error }
      state.killStarting()
      return state.takeAll()
    }
    refuse(left)
    work.eventCount.wake()
    connectionChanges.eventCount.wake()
  }

  // MARK: Ending

  /// The workers' process ids, by the index of the worker.
  var workerProcesses: [Int: Int32] { state.withLock { $0.processes } }

  /// Ends the pool now: kills the workers, and fails the jobs that aren't done with `cancelled`. Any thread may call it.
  func cancel() {
    let left = state.withLock { state in
      state.isCancelled = true
      state.isClosing = true
      let left = state.takeAll()
      // Under the lock: a connection removes its worker from the list before it reaps it, so that each id here still
      // belongs to a worker.
      for process in state.processes.values { Processes.kill(process, SIGKILL) }
      state.killStarting()
      return left
    }
    refuse(left)
    work.eventCount.wake()
  }

  /// Lets the workers finish the jobs that are queued, and waits until they have ended.
  func close() {
    state.withLock { state in
      state.isClosing = true
      state.killStarting()
    }
    work.eventCount.wake()
    _ = try? connectionChanges.eventCount.wait(until: .never) { () throws(ChannelError) in
      state.withLock { $0.connections == 0 }
    }
  }

  /// What the pool has done so far. Complete after ``close()``.
  var statistics: PoolStatistics { state.withLock { $0.statistics } }
}
