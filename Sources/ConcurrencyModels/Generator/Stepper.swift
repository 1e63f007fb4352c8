import Synchronization
import SystemCalls

/// Runs an async function in steps, on the thread that calls `step`: the executor of the function's task, which
/// keeps the task's job until the next step. Its user exchanges the values.
@usableFromInline @safe final class Stepper: TaskExecutor, @unchecked Sendable {
  // Not generic: a step looks up no metadata. It belongs to the thread that steps, except for what is atomic or
  // behind the mutex.
  @usableFromInline enum Phase { case created, running, paused, ended }

  @usableFromInline private(set) var phase = Phase.created
  private var body: (() async -> Void)?
  private var task: Task<Void, Never>?
  private var continuation: UnsafeContinuation<Void, Never>?
  /// The error that the function's wait throws.
  private var thrown: (any Error)?
  /// Whether it is between `yield` and the suspension.
  private var isYielding = false
  /// The first job, usually the only one, and those behind it.
  private var job: UnownedJob?
  private var moreJobs: [UnownedJob] = []
  /// Whether the function waited for something other than its caller. It may not wait again, and its result is
  /// dropped.
  @usableFromInline private(set) var waitsElsewhere = false
  /// The actor of the function; the caller of `step` is on it.
  private let actor: UnownedSerialExecutor?
  private let isOnActor: Bool
  // Weak: the actor may own the generator.
  private weak var isolation: (any Actor)?

  /// Not 0 while a trace is recorded, or calls are timed.
  private let hooks = unsafe Tracer.hookWord

  /// The thread that runs the function now; 0: none.
  private let stepper = Atomic<UInt>(0)
  /// Jobs that other threads enqueued, because the function waited for something other than its caller.
  private struct ExternalJobs {
    var jobs: [UnownedJob] = []
    var runsAtOnce = false
  }
  private let externalJobs = Locked(ExternalJobs())

  private static let maximumExits = 100

  @usableFromInline init(isolation: (any Actor)?) {
    unsafe actor = isolation?.unownedExecutor
    isOnActor = isolation != nil
    self.isolation = isolation
  }

  /// Sets the function, before the first step.
  @usableFromInline func prepare(_ body: @escaping () async -> Void) { self.body = body }

  // MARK: For the caller

  /// Runs the function to its next wait (true) or to its end (false). An error is thrown where the function waits
  /// now.
  @usableFromInline func step(throwing error: (any Error)? = nil, isSending: Bool = false) throws -> Bool {
    switch phase {
    case .running: throw GeneratorError(.alreadyRunning)
    case .ended:
      if let error { throw error }
      return false
    case .created:
      if let error {
        end()
        throw error
      }
      if isSending { throw GeneratorError(.notStarted) }
      return try run { start() }
    case .paused:
      guard let waiting = unsafe continuation else { return false }
      unsafe continuation = nil
      thrown = error
      return try run { unsafe waiting.resume() }
    }
  }

  /// Ends a function that hasn't started. True: it has started and not ended.
  @usableFromInline func needsExit() -> Bool {
    if phase == .created { end() }
    return phase != .ended
  }

  /// Ends the function when its last reference is released, so that its `defer`s run. A function that doesn't end
  /// is left suspended.
  @usableFromInline func abandon() {
    guard needsExit() else { return }
    for _ in 0..<Self.maximumExits where phase == .paused { _ = try? step(throwing: GeneratorExit()) }
  }

  private func end() {
    phase = .ended
    body = nil
    task = nil
  }

  @inline(__always) private func run(_ resume: () -> Void) throws -> Bool {
    phase = .running
    let outer = stepper.exchange(Threads.current, ordering: .relaxed)
    unsafe TaskTrace.turn(hooks, of: UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())) {
      resume()
      while let next = job {
        job = nil
        if !moreJobs.isEmpty { job = moreJobs.removeFirst() }
        run(next)
        // Other tasks of the function run at its next step.
        if phase == .paused { break }
      }
    }
    stepper.store(outer, ordering: .relaxed)
    if phase == .paused { return true }
    if phase != .ended { try failWaitingElsewhere() }
    return false
  }

  @inline(__always) private func run(_ job: UnownedJob) {
    if let actor = unsafe actor {
      unsafe job.runSynchronously(isolatedTo: actor, taskExecutor: asUnownedTaskExecutor())
    } else {
      unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }

  private func start() {
    guard let function = body else { return }
    body = nil
    // The task runs only inside of a step, never in parallel with the caller.
    nonisolated(unsafe) let body = function
    task = Task(executorPreference: self) {
      await unsafe body()
      self.end()
    }
  }

  /// Handles a function that waits for something other than its caller: the step fails. When the wait ends, on
  /// any thread, the function runs to its end there and may not wait again.
  private func failWaitingElsewhere() throws {
    phase = .ended
    waitsElsewhere = true
    task?.cancel()
    let jobs = externalJobs.withLock { state in
      state.runsAtOnce = true
      defer { state.jobs = [] }
      return state.jobs
    }
    for job in jobs { run(job) }
    throw GeneratorError(.waitsElsewhere)
  }

  private func run(_ job: UnownedJob, on actor: isolated any Actor) async { run(job) }

  // MARK: For the function

  /// Checks that the function may wait for its caller now.
  @usableFromInline func enter() throws {
    if waitsElsewhere { throw GeneratorExit() }
    // Another task called, or the function has ended.
    guard phase == .running, !isYielding, isSteppedHere else { throw GeneratorError(.notInside) }
    isYielding = true
  }

  /// Waits for the caller, after ``enter()``.
  @usableFromInline nonisolated(nonsending) func wait() async throws {
    if isOnActor { await waitOnNoActor() } else { await waitHere() }
    guard let error = thrown else { return }
    thrown = nil
    throw error
  }

  private func pause(_ continuation: UnsafeContinuation<Void, Never>) {
    unsafe self.continuation = unsafe continuation
    isYielding = false
    phase = .paused
  }

  private nonisolated(nonsending) func waitHere() async {
    unsafe await withUnsafeContinuation { continuation in unsafe pause(continuation) }
  }

  /// An actor's own executor would resume the function on another thread.
  @concurrent private func waitOnNoActor() async {
    unsafe await withUnsafeContinuation { continuation in unsafe pause(continuation) }
  }

  // MARK: The executor

  private var isSteppedHere: Bool { stepper.load(ordering: .relaxed) == Threads.current }

  @usableFromInline func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isSteppedHere {
      if self.job == nil { self.job = job } else { moreJobs.append(job) }
      return
    }
    let runsAtOnce = externalJobs.withLock { state in
      if !state.runsAtOnce { state.jobs.append(job) }
      return state.runsAtOnce
    }
    guard runsAtOnce else { return }
    // A job of an actor runs on that actor only.
    guard let isolation else { return run(job) }
    Task { await self.run(job, on: isolation) }
  }
}
