import SystemCalls

/// Tasks and actors that run on the loop's thread.
///
/// `Task(executorPreference: loop) { … }` runs a task and its children there; an ``EventLoopActor`` runs there.
/// Their jobs run between the callbacks, in the order in which they became ready, so that their shared state
/// needs no lock.
extension EventLoop: TaskExecutor {
  /// Runs a job of a task in the next iteration. Swift's runtime calls it, from any thread.
  public func enqueue(_ job: consuming ExecutorJob) { add(LoopJob(UnownedJob(job), isActorJob: false)) }

  /// The executor of the actors that run on the loop.
  @safe func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe serialExecutor.asUnownedSerialExecutor()
  }

  /// Runs the loop on the calling thread until an async function, which runs on the loop, has ended. ``stop()``
  /// cancels the function, and so does an error that a callback throws.
  /// - Returns: what the function returned.
  /// - Throws: what a callback threw, after the function has ended; what the function threw; ``EventLoopError`` when
  ///   epoll_wait(2) fails.
  public func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let outcome = RunOutcome<Value>()
    let task = Task(executorPreference: self) {
      do {
        outcome.result = .success(try await body())
      } catch {
        outcome.result = .failure(error)
      }
    }
    var failure: (any Error)?
    takeThread()
    while outcome.result == nil {
      if takeStop() { task.cancel() }
      do {
        try iterate()
      } catch {
        failure = failure ?? error
        task.cancel()
      }
    }
    if let failure { throw failure }
    return try outcome.result!.get()
  }

  /// Used on the loop's thread only.
  private final class RunOutcome<Value>: @unchecked Sendable {
    var result: Result<Value, any Error>?
  }

  // MARK: Waiting

  /// Waits until the descriptor is ready. One task at a time may wait for a descriptor. System call: epoll_ctl(2).
  ///
  /// - Parameters:
  ///   - descriptor: as in ``watch(_:_:_:)``.
  ///   - events: what to wait for.
  ///   - deadline: the instant, in nanoseconds of CLOCK_MONOTONIC, after which it gives up.
  /// - Returns: what was found.
  /// - Throws: `CancellationError` as soon as the task is cancelled; ``TimeoutError``; ``EventLoopError`` as
  ///   ``watch(_:_:_:)``.
  @discardableResult
  public func ready(
    _ descriptor: Int32, _ events: DescriptorEvents, until deadline: UInt64 = .max
  ) async throws -> DescriptorEvents {
    try await wait { loop, wait in
      let token = try loop.watch(descriptor, events) { found in wait.end(.success(found)) }
      let timer =
        deadline == .max ? nil : loop.at(deadline) { wait.end(.failure(TimeoutError(limit: nil))) }
      return {
        loop.remove(token)
        if let timer { loop.cancel(timer: timer) }
      }
    }
  }

  /// Waits for this many nanoseconds; up to a millisecond longer, as ``after(_:_:)``.
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  public func sleep(nanoseconds: UInt64) async throws {
    _ = try await wait { (loop, wait: LoopWait<Void>) in
      let timer = loop.after(nanoseconds) { wait.end(.success(())) }
      return { loop.cancel(timer: timer) }
    }
  }

  /// Waits for a callback of the loop. `begin` registers it and returns the closure that removes it.
  private func wait<Value: Sendable>(
    _ begin: @escaping @Sendable (EventLoop, LoopWait<Value>) throws -> () -> Void
  ) async throws -> Value {
    let wait = LoopWait<Value>()
    return try await withTaskCancellationHandler {
      try await unsafe withUnsafeThrowingContinuation { continuation in
        onLoop {
          unsafe wait.begin(continuation) { try begin(self, wait) }
        }
      }
    } onCancel: {
      onLoop { wait.end(.failure(CancellationError())) }
    }
  }

  func onLoop(_ work: @escaping @Sendable () -> Void) {
    if isOnLoop { work() } else { submit(work) }
  }
}

/// An actor that runs on an event loop's thread.
///
/// ```swift
/// actor Counter: EventLoopActor {
///   nonisolated let eventLoop: EventLoop
///   var count = 0
///   init(_ loop: EventLoop) { eventLoop = loop }
///   func add() { count += 1 }
/// }
/// ```
public protocol EventLoopActor: Actor {
  /// The loop that runs the actor. It must not change, and must live as long as the actor.
  nonisolated var eventLoop: EventLoop { get }
}

extension EventLoopActor {
  /// The loop as the actor's executor.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.asUnownedSerialExecutor() }
}

/// The loop as the executor of actors. It is not the loop itself, which is the executor of tasks: otherwise a
/// task that runs on no actor would seem to run on one, and would switch executors at every call.
final class LoopSerialExecutor: SerialExecutor, @unchecked Sendable {
  // Set once, when the loop is made.
  weak var loop: EventLoop?

  func enqueue(_ job: consuming ExecutorJob) {
    guard let loop else { return }
    loop.add(LoopJob(UnownedJob(job), isActorJob: true))
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe UnownedSerialExecutor(ordinary: self)
  }

  func checkIsolated() { precondition(loop?.isOnLoop ?? false, "not on the event loop's thread") }
}

/// A job that is ready.
@safe struct LoopJob {
  let job: UnownedJob
  /// Whether the job belongs to an actor that runs on the loop.
  let isActorJob: Bool

  init(_ job: UnownedJob, isActorJob: Bool) {
    self.job = job
    self.isActorJob = isActorJob
  }
}

/// A task that waits for a callback. Used on the loop's thread only.
@safe private final class LoopWait<Value: Sendable>: @unchecked Sendable {
  private var continuation: UnsafeContinuation<Value, any Error>?
  private var unregister: (() -> Void)?
  /// The result of a wait that ended before it began: the task was cancelled.
  private var earlyResult: Result<Value, any Error>?

  func begin(_ continuation: UnsafeContinuation<Value, any Error>, _ register: () throws -> () -> Void) {
    if let earlyResult { return unsafe continuation.resume(with: earlyResult) }
    do {
      unregister = try register()
      unsafe self.continuation = unsafe continuation
    } catch {
      unsafe continuation.resume(throwing: error)
    }
  }

  func end(_ result: Result<Value, any Error>) {
    guard let waiting = unsafe continuation else {
      earlyResult = result
      return
    }
    unsafe continuation = nil
    unregister?()
    unregister = nil
    unsafe waiting.resume(with: result)
  }
}
