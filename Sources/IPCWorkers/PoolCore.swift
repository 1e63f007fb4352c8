import Glibc
import IPC
import Synchronization
import SystemCalls

/// What a pool's lanes share: the queue, what it counts, and how it ends. The public ``WorkerPool`` owns it, and the
/// lanes do too, so that letting go of the pool ends them.
final class PoolCore<Job: Message & Sendable, Output: Message & Sendable>: Sendable {
  typealias Outcome = JobOutcome<Job, Output>

  /// A job on its way, and who wants to know.
  struct Ticket: Sendable {
    let job: Job
    let batch: JobBatch<Job, Output>
    var attempts = 0
    /// It was with a worker that died: leased alone from now on, so that it is seen whether it was the cause.
    var isSuspect = false
  }

  struct State: Sendable {
    var queue: [Ticket] = []
    var first = 0
    var suspects: [Ticket] = []
    var isClosing = false
    var isCancelled = false
    var failure: ChannelError?
    var ready = 0
    var lanes = 0
    var processes: [Int: Int32] = [:]
    var statistics = PoolStatistics()

    var waiting: Int { queue.count - first + suspects.count }
  }

  let options: WorkerPoolOptions
  let state = Mutex(State())
  /// Rung when there is work, or no more will come.
  let work = LocalEventCount()
  /// Rung when a lane is ready, or has ended.
  private let lanes = LocalEventCount()

  /// Starts the workers, and waits until each is ready.
  /// - Throws: `notSupported` for a mechanism without messages or a count under 1; `system` when the program can't
  ///   be started; `closed` when it ends before it serves.
  init(_ options: WorkerPoolOptions) throws(ChannelError) {
    guard options.workers > 0 else {
      throw ChannelError(
        .notSupported, .spawn, options.mechanism, "a pool of \(options.workers) workers: ask for 1 or more")
    }
    guard options.mechanism.traits.carries == .messages, options.mechanism.traits.anonymous else {
      throw ChannelError(
        .notSupported, .spawn, options.mechanism, "jobs don't fit: choose a mechanism that carries messages")
    }
    self.options = options
    for index in 0..<options.workers {
      state.withLock { $0.lanes += 1 }
      do throws(SystemError) {
        try Threads.start(name: "ipc-lane-\(index)") { [self] in
          WorkerConnection(self, index).run()
          state.withLock { $0.lanes -= 1 }
          lanes.bell.wake()
          work.bell.wake()
        }
      } catch {
        state.withLock { $0.lanes -= 1 }
        close()
        throw ChannelError(error, .spawn, options.mechanism)
      }
    }
    _ = try lanes.bell.wait(until: .never) { () throws(ChannelError) in
      state.withLock { $0.ready == options.workers || $0.failure != nil || $0.lanes == 0 }
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
      work.bell.notify()
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
    // What it would lead to isn't begun: nobody is left to do it.
    ticket.batch.deliver([outcome], leadsOn: false) { _ in }
  }

  // MARK: For the lanes

  /// Up to `room` jobs for a lane; waits for the first if `waits`. Empty: there are none, or no more will come.
  func lease(_ room: Int, waits: Bool) -> [Ticket] {
    var leased: [Ticket] = []
    while true {
      let done = state.withLock { state in
        if state.isCancelled || state.failure != nil { return true }
        if !state.suspects.isEmpty {
          // Alone, and only by a lane whose worker has nothing else.
          guard waits else { return true }
          leased = [state.suspects.removeLast()]
          return true
        }
        let waiting = state.queue.count - state.first
        if waiting > 0 {
          // No lane takes more than its share, or the last jobs would queue up behind one worker.
          let share = (waiting + options.workers - 1) / options.workers
          let count = min(room, share, waiting)
          leased = Array(state.queue[state.first..<(state.first + count)])
          state.first += count
          if state.first == state.queue.count {
            state.queue.removeAll(keepingCapacity: true)
            state.first = 0
          } else if state.first > 65536 {
            state.queue.removeFirst(state.first)
            state.first = 0
          }
          return true
        }
        return state.isClosing
      }
      if done || !waits { return leased }
      _ = try? work.bell.wait(until: .never) { () throws(ChannelError) in
        state.withLock { $0.waiting > 0 || $0.isClosing || $0.failure != nil }
      }
    }
  }

  /// Outcomes of a lane, handled; what they lead to is queued.
  func complete(_ outcomes: [(ticket: Ticket, outcome: JobOutcome<Job, Output>)]) {
    var index = 0
    while index < outcomes.count {
      let batch = outcomes[index].ticket.batch
      var end = index + 1
      while end < outcomes.count, outcomes[end].ticket.batch === batch { end += 1 }
      batch.deliver(outcomes[index..<end].map(\.outcome), leadsOn: true) { submit($0, batch) }
      index = end
    }
  }

  /// A worker died with these jobs, and before it got the untouched ones.
  func requeue(_ tickets: [Ticket], untouched: [Ticket]) {
    var given: [Ticket] = []
    let isOver = state.withLock { state in
      state.statistics.workersDied += 1
      if state.isCancelled || state.failure != nil { return true }
      // Which of them it was at can't be told: answers that were held back died with it. So all have had it once,
      // and from now on each goes alone.
      for var ticket in tickets {
        ticket.attempts += 1
        ticket.isSuspect = true
        if ticket.attempts >= options.attempts {
          given.append(ticket)
        } else {
          state.statistics.requeued += 1
          state.suspects.append(ticket)
        }
      }
      state.queue.append(contentsOf: untouched)
      return false
    }
    if isOver { return (tickets + untouched).forEach(refuse) }
    complete(
      given.map { ticket in
        (
          ticket,
          Outcome(
            job: ticket.job, result: .failure(.killedItsWorkers(ticket.attempts)), worker: 0,
            attempts: ticket.attempts, dispatchNanoseconds: 0, workNanoseconds: 0)
        )
      })
    work.bell.notify()
  }

  func refuse(_ tickets: [Ticket]) { tickets.forEach(refuse) }

  func isReady(_ lane: Int, process: Int32, first: Bool) {
    state.withLock { state in
      state.processes[lane] = process
      state.statistics.workersStarted += 1
      if first { state.ready += 1 }
    }
    lanes.bell.wake()
  }

  func hasEnded(_ lane: Int) { state.withLock { $0.processes[lane] = nil } }

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
    work.bell.wake()
    lanes.bell.wake()
  }

  // MARK: Ending

  /// The workers' process ids, by their number.
  var workerProcesses: [Int: Int32] { state.withLock { $0.processes } }

  /// Ends it now: kills the workers; jobs that aren't done fail with `cancelled`. May be called from any thread.
  func cancel() {
    let left = state.withLock { state in
      state.isCancelled = true
      state.isClosing = true
      let left = Array(state.queue[state.first...]) + state.suspects
      state.queue = []
      state.first = 0
      state.suspects = []
      // Under the lock: a lane reaps its worker only after it has taken it out of the list.
      for process in state.processes.values { Processes.kill(process, SIGKILL) }
      return left
    }
    left.forEach(refuse)
    work.bell.wake()
  }

  /// Lets the workers finish what they have, and waits until they have ended.
  func close() {
    state.withLock { $0.isClosing = true }
    work.bell.wake()
    _ = try? lanes.bell.wait(until: .never) { () throws(ChannelError) in state.withLock { $0.lanes == 0 } }
  }

  /// What it did so far; complete after ``close()``.
  var statistics: PoolStatistics { state.withLock { $0.statistics } }
}
