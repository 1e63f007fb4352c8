import Synchronization
import SystemCalls

/// Runs an async function in steps, on the thread of whoever calls ``step(_:)``: the executor of the function's task,
/// which keeps the task's job until the next step. What goes in and out is its user's matter.
@usableFromInline @safe final class Stepper: TaskExecutor, @unchecked Sendable {
  // Not generic: nothing in a step looks up metadata. It belongs to the thread that steps, but for what is atomic or
  // behind the mutex.
  @usableFromInline enum Phase { case created, running, paused, ended }

  @usableFromInline private(set) var phase = Phase.created
  private var body: (() async -> Void)?
  private var task: Task<Void, Never>?
  private var continuation: UnsafeContinuation<Void, Never>?
  /// What the function finds where it waits, instead of a value.
  private var thrown: (any Error)?
  /// On its way from `yield` to where it waits.
  private var isYielding = false
  /// The one job that there mostly is, and those behind it.
  private var job: UnownedJob?
  private var moreJobs: [UnownedJob] = []
  /// The function waited for something other than its caller: it is not to wait any more, and what becomes of it is
  /// nobody's.
  @usableFromInline private(set) var waitsElsewhere = false
  /// The actor that the function belongs to: whoever steps it is on it.
  private let actor: UnownedSerialExecutor?
  private let isOnActor: Bool
  // Weak: the actor may own the generator.
  private weak var isolation: (any Actor)?

  /// The thread that runs the function now; 0: none.
  private let stepper = Atomic<UInt>(0)
  /// Jobs of other threads: the function waited for something that isn't its caller.
  private struct ExternalJobs {
    var jobs: [UnownedJob] = []
    var runsAtOnce = false
  }
  private let externalJobs = Mutex(ExternalJobs())

  private static let maximumExits = 100

  @usableFromInline init(isolation: (any Actor)?) {
    unsafe actor = isolation?.unownedExecutor
    isOnActor = isolation != nil
    self.isolation = isolation
  }

  /// What is stepped; before the first step.
  @usableFromInline func prepare(_ body: @escaping () async -> Void) { self.body = body }

  // MARK: From outside

  /// Goes on to where the function waits next (true), or to its end (false). With an error, that is what the function
  /// finds where it waits now.
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

  /// Ends a function that hasn't started, and says whether there is anything else to end.
  @usableFromInline func needsExit() -> Bool {
    if phase == .created { end() }
    return phase != .ended
  }

  /// Nobody will step it again: ends the function, so that its `defer`s run. One that won't end is left where it waits.
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
    resume()
    while let next = job {
      job = nil
      if !moreJobs.isEmpty { job = moreJobs.removeFirst() }
      run(next)
      // Other tasks of the function's go on when it does.
      if phase == .paused { break }
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
    // The task runs in steps of whoever calls, never beside them.
    nonisolated(unsafe) let body = function
    task = Task(executorPreference: self) {
      await unsafe body()
      self.end()
    }
  }

  /// The function waits for something that isn't its caller, who can't wait for that. When it comes back, on whichever
  /// thread, it runs to its end there, and doesn't wait again.
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

  // MARK: From inside

  /// Whether the function may wait for its caller now.
  @usableFromInline func enter() throws {
    if waitsElsewhere { throw GeneratorExit() }
    // Another task, or one that kept its way to the caller past the end.
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

  /// An actor's own executor would take the job that resumes its function to another thread.
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
    // What belongs to an actor goes on there, and nowhere else.
    guard let isolation else { return run(job) }
    Task { await self.run(job, on: isolation) }
  }
}
