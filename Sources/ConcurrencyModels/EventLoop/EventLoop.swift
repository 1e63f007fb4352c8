import Synchronization
package import SystemCalls

/// One thread that waits for many descriptors: readiness callbacks, timers, and work from other threads.
/// epoll(7), eventfd(2). It is also an executor: tasks and actors can live on it (LoopExecutor.swift).
///
/// Everything but ``submit(_:)``, ``stop()``, ``once(_:_:_:)`` and its kin, and the executor's side is called on the loop's own thread: before
/// `run()`, or from a callback.
package final class EventLoop: @unchecked Sendable {
  // What other threads touch is behind the mutex or atomic; the rest belongs to the thread that runs the loop.

  /// What a callback throws ends ``run()``, after the turn it was called in.
  package typealias Callback = () throws -> Void

  private struct Registration {
    let descriptor: Int32
    var interest: Epoll.Interest
    let callback: (Epoll.Interest) throws -> Void
  }

  let epoll: Epoll
  let externalWatches = ExternalWatches()
  private let wakeUp: Descriptor
  private var registrations: [UInt64: Registration] = [:]
  private var nextToken: UInt64 = 1
  private var timers = TimerHeap()
  private var readyCallbacks: [Callback] = []
  private var jobs: [LoopJob] = []
  /// Room for the next ones, while these run.
  private var spareJobs: [LoopJob] = []
  private var spareCallbacks: [Callback] = []
  /// When so many have run, it looks what else is ready. Those that are ready at the same time run all, however many.
  private static let maximumJobs = 128
  private var failure: (any Error)?
  /// The loop as the executor of actors.
  package let serialExecutor = LoopSerialExecutor()

  private struct Submissions {
    var submitted: [@Sendable () throws -> Void] = []
    var jobs: [LoopJob] = []
    var isStopping = false
    /// The loop has been woken and hasn't looked yet: once is enough.
    var isWoken = false
  }
  private let submissions = Mutex(Submissions())
  /// The thread that runs the loop, or made it; never 0.
  private let thread = Atomic<UInt>(Threads.current)

  package init() throws(SystemError) {
    epoll = try Epoll()
    wakeUp = try Events.create()
    try wakeUp.setNonblocking(true)
    try epoll.add(wakeUp.raw, .read, token: 0)
    serialExecutor.loop = self
  }

  /// Whether the calling thread is the loop's.
  package var isOnLoop: Bool { thread.load(ordering: .relaxed) == Threads.current }

  // MARK: Descriptors

  /// Calls back whenever the descriptor is ready for what is asked, until ``remove(_:)``. Level-triggered.
  package func watch(
    _ descriptor: Int32, _ interest: Epoll.Interest, _ callback: @escaping (Epoll.Interest) throws -> Void
  ) throws(SystemError) -> UInt64 {
    let token = nextToken
    nextToken += 1
    try epoll.add(descriptor, interest, token: token)
    registrations[token] = Registration(descriptor: descriptor, interest: interest, callback: callback)
    return token
  }

  /// Asks for something else.
  package func change(_ token: UInt64, _ interest: Epoll.Interest) throws(SystemError) {
    guard let registration = registrations[token], registration.interest != interest else { return }
    try epoll.change(registration.descriptor, interest, token: token)
    registrations[token]!.interest = interest
  }

  /// No more callbacks. Call it before the descriptor is closed.
  package func remove(_ token: UInt64) {
    guard let registration = registrations.removeValue(forKey: token) else { return }
    epoll.remove(registration.descriptor)
  }

  // MARK: Time

  /// Calls back once, so many nanoseconds from now.
  @discardableResult
  package func after(_ nanoseconds: UInt64, _ callback: @escaping Callback) -> UInt64 {
    let (at, isTooFar) = Clock.now().addingReportingOverflow(nanoseconds)
    return timers.add(at: isTooFar ? .max : at, callback)
  }

  /// Calls back once, at an instant of CLOCK_MONOTONIC.
  package func at(_ nanoseconds: UInt64, _ callback: @escaping Callback) -> UInt64 {
    timers.add(at: nanoseconds, callback)
  }

  /// A timer that shall not ring.
  package func cancel(timer: UInt64) { timers.cancel(timer) }

  /// Calls back soon: behind what is ready already, and not on the caller's stack.
  package func callSoon(_ callback: @escaping Callback) { readyCallbacks.append(callback) }

  // MARK: From other threads

  /// Runs something on the loop's thread.
  package func submit(_ work: @escaping @Sendable () throws -> Void) { wake { $0.submitted.append(work) } }

  /// Ends ``run()`` after the turn it is in.
  package func stop() { wake { $0.isStopping = true } }

  private func wake(_ change: (inout Submissions) -> Void) {
    let wasWoken = submissions.withLock { submissions in
      change(&submissions)
      defer { submissions.isWoken = true }
      return submissions.isWoken
    }
    if !wasWoken { Events.signal(wakeUp) }
  }

  /// Runs a job of a task's or an actor's, in the next turn.
  func add(_ job: LoopJob) {
    if isOnLoop { jobs.append(job) } else { wake { $0.jobs.append(job) } }
  }

  // MARK: Turning

  /// Turns until ``stop()``, on the calling thread, which is the loop's from then on.
  /// - Throws: what a callback threw; what epoll_wait(2) says.
  package func run() throws {
    begin()
    while !takeStop() { try turn() }
  }

  /// The calling thread is the loop's from now on.
  func begin() { thread.store(Threads.current, ordering: .relaxed) }

  func takeStop() -> Bool {
    submissions.withLock { submissions in
      defer { submissions.isStopping = false }
      return submissions.isStopping
    }
  }

  func turn() throws {
    for event in try epoll.wait(milliseconds: timeoutMilliseconds) {
      if event.token == 0 {
        takeSubmitted()
      } else if event.token & ExternalWatches.mark != 0 {
        externalWatches.call(event.token)
      } else if let registration = registrations[event.token] {
        // Otherwise a callback of this same turn has removed it.
        attempt { try registration.callback(event.found) }
      }
    }
    for callback in timers.due(Clock.now()) { attempt(callback) }
    runReady()
    if let error = failure {
      failure = nil
      throw error
    }
  }

  /// Runs the callbacks and jobs that are there, and those that they lead to, for a while: asking the kernel again costs
  /// more than they do, and whoever waits for a descriptor waits for this.
  private func runReady() {
    var count = 0
    while count < Self.maximumJobs {
      if readyCallbacks.isEmpty, jobs.isEmpty { return }
      count += readyCallbacks.count + jobs.count
      swap(&readyCallbacks, &spareCallbacks)
      for index in spareCallbacks.indices { attempt(spareCallbacks[index]) }
      spareCallbacks.removeAll(keepingCapacity: true)
      swap(&jobs, &spareJobs)
      for index in spareJobs.indices {
        let next = spareJobs[index]
        if next.isActorJob {
          unsafe next.job.runSynchronously(
            isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        } else {
          unsafe next.job.runSynchronously(on: asUnownedTaskExecutor())
        }
      }
      spareJobs.removeAll(keepingCapacity: true)
      // What a callback threw is told now.
      if failure != nil { return }
    }
  }

  /// How long the next turn may wait, in milliseconds; nil: for ever.
  private var timeoutMilliseconds: Int32? {
    if !readyCallbacks.isEmpty || !jobs.isEmpty { return 0 }
    return timers.next.map { next in
      let now = Clock.now()
      // Rounded up, or a timer would be waited for in several turns of no time.
      return next <= now ? 0 : Int32(clamping: (next - now + 999_999) / 1_000_000)
    }
  }

  private func takeSubmitted() {
    Events.drain(wakeUp)
    let (work, more) = submissions.withLock { submissions in
      defer {
        submissions.submitted = []
        submissions.jobs = []
        submissions.isWoken = false
      }
      return (submissions.submitted, submissions.jobs)
    }
    jobs += more
    for item in work { attempt(item) }
  }

  /// The others of the turn have theirs, whatever one throws.
  private func attempt(_ callback: Callback) {
    do {
      try callback()
    } catch {
      if failure == nil { failure = error }
    }
  }
}
