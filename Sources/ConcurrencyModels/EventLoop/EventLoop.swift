import Synchronization
import SystemCalls

/// One thread that waits for many descriptors: readiness callbacks, timers, and work from other threads.
///
/// ```swift
/// let loop = try EventLoop()
/// let token = try loop.watch(descriptor, .read) { found in … }
/// loop.after(1_000_000_000) { loop.stop() }     // nanoseconds
/// try loop.run()
/// ```
///
/// The loop is also an executor: a `Task(executorPreference: loop)` and an ``EventLoopActor`` run on its thread.
///
/// Only ``submit(_:)``, ``stop()`` and the executor's functions may be called from any thread. Call everything
/// else on the loop's own thread: before ``run()`` or from a callback.
///
/// Limits: as many descriptors as the process may have open (`RLIMIT_NOFILE`). A loop keeps two descriptors for
/// itself.
///
/// System calls: epoll_create1(2) and eventfd(2) when it is made, epoll_ctl(2), epoll_wait(2); write(2) to wake it.
///
/// Source: `Sources/ConcurrencyModels/EventLoop/`.
@safe public final class EventLoop: @unchecked Sendable {
  // What other threads touch is behind the mutex or atomic; the rest belongs to the thread that runs the loop.

  /// What the loop calls. An error that it throws ends ``run()`` after the iteration in which it was called.
  public typealias Callback = () throws -> Void

  private struct Registration {
    let descriptor: Int32
    var events: DescriptorEvents
    let callback: (DescriptorEvents) throws -> Void
  }

  let epoll: Epoll
  /// Not 0 while a trace is recorded, or calls are timed.
  private let hooks = unsafe Tracer.hookWord
  let externalWatches = ExternalWatches()
  /// An eventfd(2) that other threads signal.
  private let wakeUp: Descriptor
  private static let wakeUpToken: UInt64 = 0
  private var registrations: [UInt64: Registration] = [:]
  private var nextToken: UInt64 = 1
  private var timers = TimerHeap()
  private var readyCallbacks: [Callback] = []
  // Only the loop's own functions access them, and none of these does while a job runs: no check for exclusivity is needed.
  @exclusivity(unchecked) private var jobs: [LoopJob] = []
  /// Storage for the callbacks and jobs that become ready while these run.
  private var spareCallbacks: [Callback] = []
  @exclusivity(unchecked) private var spareJobs: [LoopJob] = []
  /// After this many callbacks and jobs the loop asks epoll again. Those that are ready at the same time all run,
  /// even if there are more.
  private static let maximumJobs = 128
  private var failure: (any Error)?
  /// The loop as the executor of actors.
  let serialExecutor = LoopSerialExecutor()

  /// What other threads hand to the loop.
  private struct Submissions {
    var submitted: [@Sendable () throws -> Void] = []
    var jobs: [LoopJob] = []
    var isStopping = false
    /// The eventfd is signalled and the loop hasn't read it yet: one signal is enough.
    var isWoken = false
  }
  private let submissions = Locked(Submissions())
  /// The thread that runs the loop, or the one that made it; never 0.
  private let thread = Atomic<UInt>(Threads.current)

  /// Makes a loop that belongs to the calling thread until another thread calls ``run()``.
  /// - Throws: what epoll_create1(2), eventfd(2) or epoll_ctl(2) reports, such as EMFILE when too many descriptors are
  ///   open.
  public init() throws(EventLoopError) {
    do throws(SystemError) {
      epoll = try Epoll()
      wakeUp = try Events.eventfd()
      try wakeUp.setNonblocking(true)
      try epoll.add(wakeUp.raw, .read, token: Self.wakeUpToken)
    } catch {
      throw EventLoopError(error)
    }
    serialExecutor.loop = self
  }

  /// Whether the calling thread is the loop's.
  var isOnLoop: Bool { thread.load(ordering: .relaxed) == Threads.current }

  // MARK: Descriptors

  /// Calls back in each iteration in which the descriptor is ready for `events`, until ``remove(_:)``.
  ///
  /// Level-triggered: a callback that doesn't read what is there is called again. The descriptor stays the
  /// caller's; the loop doesn't close it. System call: epoll_ctl(2), EPOLL_CTL_ADD.
  ///
  /// - Parameters:
  ///   - descriptor: an open pipe, socket, eventfd or the like; epoll(7) takes no files and no directories.
  ///   - events: what to wait for. `hangUp` and `failed` are always reported.
  ///   - callback: gets what was found.
  /// - Returns: the token for ``change(_:_:)`` and ``remove(_:)``.
  /// - Throws: EEXIST when the descriptor is watched already; EBADF; EPERM for a file.
  public func watch(
    _ descriptor: Int32, _ events: DescriptorEvents,
    _ callback: @escaping (DescriptorEvents) throws -> Void
  ) throws(EventLoopError) -> UInt64 {
    let token = nextToken
    nextToken += 1
    do throws(SystemError) {
      try epoll.add(descriptor, events.epoll, token: token)
    } catch {
      throw EventLoopError(error)
    }
    registrations[token] = Registration(descriptor: descriptor, events: events, callback: callback)
    return token
  }

  /// Waits for other events from now on. A token that was removed changes nothing. System call: epoll_ctl(2),
  /// EPOLL_CTL_MOD, unless the events are the same.
  /// - Throws: EBADF or ENOENT when the descriptor was closed before ``remove(_:)``.
  public func change(_ token: UInt64, _ events: DescriptorEvents) throws(EventLoopError) {
    guard let registration = registrations[token], registration.events != events else { return }
    do throws(SystemError) {
      try epoll.change(registration.descriptor, events.epoll, token: token)
    } catch {
      throw EventLoopError(error)
    }
    registrations[token]!.events = events
  }

  /// Ends the callbacks of a ``watch(_:_:_:)``. Call it before the descriptor is closed. System call: epoll_ctl(2),
  /// EPOLL_CTL_DEL.
  public func remove(_ token: UInt64) {
    guard let registration = registrations.removeValue(forKey: token) else { return }
    epoll.remove(registration.descriptor)
  }

  // MARK: Timers

  /// Calls back once, after this many nanoseconds. A timer is never early; epoll_wait(2) makes it up to a
  /// millisecond late.
  /// - Returns: the timer for ``cancel(timer:)``.
  @discardableResult
  public func after(_ nanoseconds: UInt64, _ callback: @escaping Callback) -> UInt64 {
    let (instant, isTooFar) = Clock.now().addingReportingOverflow(nanoseconds)
    return timers.add(at: isTooFar ? .max : instant, callback)
  }

  /// Calls back once, at an instant of CLOCK_MONOTONIC in nanoseconds.
  func at(_ nanoseconds: UInt64, _ callback: @escaping Callback) -> UInt64 {
    timers.add(at: nanoseconds, callback)
  }

  /// Cancels a timer. One that has fired or was cancelled before is ignored.
  public func cancel(timer: UInt64) { timers.cancel(timer) }

  /// Calls back in this iteration or the next, after what is ready already, and never on the caller's stack.
  public func callSoon(_ callback: @escaping Callback) { readyCallbacks.append(callback) }

  // MARK: From other threads

  /// Runs a closure on the loop's thread. Closures of one thread run in the order submitted. May be called from any
  /// thread. System call: write(2) to an eventfd, unless the loop is awake already.
  public func submit(_ work: @escaping @Sendable () throws -> Void) { wake { $0.submitted.append(work) } }

  /// Ends ``run()`` after its current iteration, or the next ``run()`` at once. May be called from any thread.
  public func stop() { wake { $0.isStopping = true } }

  private func wake(_ change: (inout Submissions) -> Void) {
    let wasWoken = submissions.withLock { submissions in
      change(&submissions)
      defer { submissions.isWoken = true }
      return submissions.isWoken
    }
    if !wasWoken { Events.write(wakeUp) }
  }

  /// Runs a job of a task or an actor, in the next iteration.
  func add(_ job: LoopJob) {
    if isOnLoop { unsafe jobs.append(job) } else { wake { $0.jobs.append(job) } }
  }

  // MARK: Running

  /// Runs the loop on the calling thread until ``stop()``; the loop belongs to that thread from then on.
  /// - Throws: what a callback threw; ``EventLoopError`` when epoll_wait(2) fails.
  public func run() throws {
    takeThread()
    while !takeStop() { try iterate() }
  }

  /// Makes the calling thread the loop's.
  func takeThread() { thread.store(Threads.current, ordering: .relaxed) }

  /// Whether ``stop()`` was called since the last time.
  func takeStop() -> Bool {
    submissions.withLock { submissions in
      defer { submissions.isStopping = false }
      return submissions.isStopping
    }
  }

  /// One iteration: waits in epoll_wait(2), then runs what is ready.
  func iterate() throws {
    for event in try waitForEvents() {
      if event.token == Self.wakeUpToken {
        takeSubmitted()
      } else if event.token & ExternalWatches.tokenBit != 0 {
        externalWatches.call(event.token)
      } else if let registration = registrations[event.token] {
        // Otherwise a callback of this same iteration has removed it.
        attempt { try registration.callback(DescriptorEvents(event.found)) }
      }
    }
    for callback in timers.due(Clock.now()) { attempt(callback) }
    runReady()
    if let error = failure {
      failure = nil
      throw error
    }
  }

  private func waitForEvents() throws(EventLoopError) -> [(token: UInt64, found: Epoll.Interest)] {
    do throws(SystemError) {
      return try epoll.wait(milliseconds: timeoutMilliseconds)
    } catch {
      throw EventLoopError(error)
    }
  }

  /// Runs the callbacks and jobs that are ready, and those that they make ready, up to a limit: epoll_wait(2)
  /// costs more than they do, and what waits for a descriptor waits for all of them.
  private func runReady() {
    let executor = unsafe asUnownedTaskExecutor()
    var count = 0
    while count < Self.maximumJobs {
      if readyCallbacks.isEmpty, unsafe jobs.isEmpty { return }
      unsafe count += readyCallbacks.count + jobs.count
      swap(&readyCallbacks, &spareCallbacks)
      for index in spareCallbacks.indices { attempt(spareCallbacks[index]) }
      spareCallbacks.removeAll(keepingCapacity: true)
      unsafe swap(&jobs, &spareJobs)
      for next in unsafe spareJobs {
        unsafe TaskTrace.turn(hooks, of: next.job.taskNumber) {
          if next.isActorJob {
            unsafe next.job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: executor)
          } else {
            unsafe next.job.runSynchronously(on: executor)
          }
        }
      }
      unsafe spareJobs.removeAll(keepingCapacity: true)
      // An error that a callback threw ends the iteration.
      if failure != nil { return }
    }
  }

  /// How long epoll_wait(2) may wait; nil: without limit.
  private var timeoutMilliseconds: Int32? {
    if unsafe !readyCallbacks.isEmpty || !jobs.isEmpty { return 0 }
    return timers.next.map { next in
      let now = Clock.now()
      // Rounded up: otherwise the loop would iterate without waiting until the timer is due.
      return next <= now ? 0 : Int32(clamping: (next - now + 999_999) / 1_000_000)
    }
  }

  private func takeSubmitted() {
    Events.read(wakeUp)
    let (work, more) = submissions.withLock { submissions in
      defer {
        submissions.submitted = []
        submissions.jobs = []
        submissions.isWoken = false
      }
      return (submissions.submitted, submissions.jobs)
    }
    unsafe jobs += more
    for item in work { attempt(item) }
  }

  /// Keeps the first error, so that the iteration's other callbacks still run.
  private func attempt(_ callback: Callback) {
    do {
      // A callback isn't a task, and has the number 0.
      unsafe try TaskTrace.turn(hooks, of: 0, callback)
    } catch {
      if failure == nil { failure = error }
    }
  }
}
