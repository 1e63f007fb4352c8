import Glibc
import IPC
import Synchronization
import SystemCalls

/// What the connections of a pool share: the queue of jobs, the statistics, and the pool's end. Both the public
/// ``WorkerPool`` and the connections reference it, so that releasing the pool ends the connections.
final class PoolCore<Job: Message & Sendable, Output: Message & Sendable>: Sendable {
  typealias Outcome = JobOutcome<Job, Output>

  /// A job that isn't done, and the batch that waits for it.
  struct Ticket: Sendable {
    let job: Job
    let batch: JobBatch<Job, Output>
    var attempts = 0
    /// A worker died that had it. From then on it is leased alone, which shows whether it was the cause.
    var isSuspect = false
  }

  struct State: Sendable {
    /// Jobs to lease, from `first` on.
    var queue: [Ticket] = []
    var first = 0
    /// Jobs to lease alone.
    var suspects: [Ticket] = []
    var isClosing = false
    var isCancelled = false
    var failure: ChannelError?
    var ready = 0
    /// Connections whose thread hasn't ended.
    var connections = 0
    /// The workers' process ids, by the index of their connection.
    var processes: [Int: Int32] = [:]
    var statistics = PoolStatistics()

    var waiting: Int { queue.count - first + suspects.count }
  }

  /// Leased jobs at the front of the queue are removed from the array when there are more than this.
  private static var compactionThreshold: Int { 65_536 }

  let options: WorkerPoolOptions
  let state = Mutex(State())
  /// Notified when there is a job to lease, or the pool is closing.
  let work = LocalEventCount()
  /// Notified when a connection is ready, or has ended.
  private let connectionChanges = LocalEventCount()

  /// Starts the workers, and waits until each is ready.
  /// - Throws: `notSupported` for a mechanism that carries no messages or a number of workers under 1; `system` when the
  ///   program can't be started; `closed` when it ends before it is ready.
  init(_ options: WorkerPoolOptions) throws(ChannelError) {
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
    for index in 0..<options.workers {
      state.withLock { $0.connections += 1 }
      do throws(SystemError) {
        try Threads.start(name: "ipc-worker-\(index)") { [self] in
          WorkerConnection(self, index).run()
          state.withLock { $0.connections -= 1 }
          connectionChanges.eventCount.wake()
          work.eventCount.wake()
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

  func submit(_ jobs: [Job], _ batch: JobBatch<Job, Output>) {
    batch.expect(jobs.count)
    let accepted = state.withLock { state in
      if state.isClosing || state.failure != nil { return false }
      state.queue.append(contentsOf: jobs.map { Ticket(job: $0, batch: batch) })
      return true
    }
    if accepted {
      work.eventCount.notify()
    } else {
      for job in jobs { refuse(Ticket(job: job, batch: batch)) }
    }
  }

  private func refuse(_ ticket: Ticket) {
    let failure = state.withLock { $0.failure }.map { JobFailure.poolFailed($0) } ?? .cancelled
    let outcome = Outcome(
      job: ticket.job, result: .failure(failure), worker: 0, attempts: ticket.attempts,
      dispatchNanoseconds: 0,
      workNanoseconds: 0)
    // The jobs that it leads to are dropped: no worker is left to do them.
    ticket.batch.deliver([outcome], submitsMore: false) { _ in }
  }

  // MARK: For the connections

  /// Leases up to `room` jobs to a connection. Waits for the first one if `waits`. Empty: there are none, or the pool is
  /// closing.
  func lease(_ room: Int, waits: Bool) -> [Ticket] {
    var leased: [Ticket] = []
    while true {
      let done = state.withLock { state in
        if state.isCancelled || state.failure != nil { return true }
        if !state.suspects.isEmpty {
          // Leased alone, to a worker that has no other job.
          guard waits else { return true }
          leased = [state.suspects.removeLast()]
          return true
        }
        let waiting = state.queue.count - state.first
        if waiting > 0 {
          // At most a fair share, or the last jobs would wait for one worker while the others are idle.
          let share = (waiting + options.workers - 1) / options.workers
          let count = min(room, share, waiting)
          leased = Array(state.queue[state.first..<(state.first + count)])
          state.first += count
          if state.first == state.queue.count {
            state.queue.removeAll(keepingCapacity: true)
            state.first = 0
          } else if state.first > Self.compactionThreshold {
            state.queue.removeFirst(state.first)
            state.first = 0
          }
          return true
        }
        return state.isClosing
      }
      if done || !waits { return leased }
      _ = try? work.eventCount.wait(until: .never) { () throws(ChannelError) in
        state.withLock { $0.waiting > 0 || $0.isClosing || $0.failure != nil }
      }
    }
  }

  /// Handles the outcomes of a connection, and queues the jobs that they lead to.
  func complete(_ outcomes: [(ticket: Ticket, outcome: JobOutcome<Job, Output>)]) {
    var index = 0
    while index < outcomes.count {
      let batch = outcomes[index].ticket.batch
      var end = index + 1
      while end < outcomes.count, outcomes[end].ticket.batch === batch { end += 1 }
      batch.deliver(outcomes[index..<end].map(\.outcome), submitsMore: true) { submit($0, batch) }
      index = end
    }
  }

  /// A worker died. `tickets` are the jobs that it had, `unsent` those that it hadn't received.
  func requeue(_ tickets: [Ticket], unsent: [Ticket]) {
    var abandoned: [Ticket] = []
    let isOver = state.withLock { state in
      state.statistics.workersDied += 1
      if state.isCancelled || state.failure != nil { return true }
      // Which job it was executing isn't known: answers that it held back were lost with it. The attempt therefore counts
      // for all of them, and each is leased alone from now on.
      for var ticket in tickets {
        ticket.attempts += 1
        ticket.isSuspect = true
        if ticket.attempts >= options.attempts {
          abandoned.append(ticket)
        } else {
          state.statistics.requeued += 1
          state.suspects.append(ticket)
        }
      }
      state.queue.append(contentsOf: unsent)
      return false
    }
    if isOver { return (tickets + unsent).forEach(refuse) }
    complete(
      abandoned.map { ticket in
        (
          ticket,
          Outcome(
            job: ticket.job, result: .failure(.killedItsWorkers(ticket.attempts)), worker: 0,
            attempts: ticket.attempts, dispatchNanoseconds: 0, workNanoseconds: 0)
        )
      })
    work.eventCount.notify()
  }

  func refuse(_ tickets: [Ticket]) { tickets.forEach(refuse) }

  /// The worker of a connection is ready; `first`: for the first time.
  func isReady(_ connection: Int, process: Int32, first: Bool) {
    state.withLock { state in
      state.processes[connection] = process
      state.statistics.workersStarted += 1
      if first { state.ready += 1 }
    }
    connectionChanges.eventCount.wake()
  }

  /// The worker of a connection is about to be reaped.
  func hasEnded(_ connection: Int) { state.withLock { $0.processes[connection] = nil } }

  /// Ends the pool with an error: no worker can be started.
  func fail(_ error: ChannelError) {
    let left = state.withLock { state in
      if state.failure == nil { state.failure = error }
      let left = Array(state.queue[state.first...]) + state.suspects
      state.queue = []
      state.first = 0
      state.suspects = []
      return left
    }
    left.forEach(refuse)
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
      let left = Array(state.queue[state.first...]) + state.suspects
      state.queue = []
      state.first = 0
      state.suspects = []
      // Under the lock: a connection removes its worker from the list before it reaps it, so that each id here still
      // belongs to a worker.
      for process in state.processes.values { Processes.kill(process, SIGKILL) }
      return left
    }
    left.forEach(refuse)
    work.eventCount.wake()
  }

  /// Lets the workers finish the jobs that are queued, and waits until they have ended.
  func close() {
    state.withLock { $0.isClosing = true }
    work.eventCount.wake()
    _ = try? connectionChanges.eventCount.wait(until: .never) { () throws(ChannelError) in
      state.withLock { $0.connections == 0 }
    }
  }

  /// What the pool has done so far. Complete after ``close()``.
  var statistics: PoolStatistics { state.withLock { $0.statistics } }
}
