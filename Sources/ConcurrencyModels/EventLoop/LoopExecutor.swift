package import SystemCalls

/// Tasks and actors that live on the loop's thread.
///
/// `Task(executorPreference: loop) { … }` runs a task and its children there; an actor whose `unownedExecutor` is
/// `loop.asUnownedSerialExecutor()` lives there. Their jobs run between the callbacks, in the order in which they became
/// ready, so that what they do needs no lock.
extension EventLoop: TaskExecutor {
  package func enqueue(_ job: consuming ExecutorJob) { add(LoopJob(UnownedJob(job), isActorJob: false)) }

  /// For an actor's `unownedExecutor`.
  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe serialExecutor.asUnownedSerialExecutor()
  }

  /// Runs the loop until an async function, on the loop, has ended. ``stop()`` cancels it, and so does an error that a
  /// callback throws, which is thrown here when the function has ended.
  package func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let end = RunResult<Value>()
    let task = Task(executorPreference: self) {
      do {
        end.result = .success(try await body())
      } catch {
        end.result = .failure(error)
      }
    }
    var failure: (any Error)?
    begin()
    while end.result == nil {
      if takeStop() { task.cancel() }
      do {
        try turn()
      } catch {
        failure = failure ?? error
        task.cancel()
      }
    }
    if let failure { throw failure }
    return try end.result!.get()
  }

  /// Touched on the loop's thread alone.
  private final class RunResult<Value>: @unchecked Sendable {
    var result: Result<Value, any Error>?
  }

  // MARK: Waiting

  /// Waits until the descriptor is ready, or the deadline has passed (CLOCK_MONOTONIC, in nanoseconds). A cancelled task
  /// is told at once, also where it waits already.
  /// - Throws: `CancellationError`; ``TimeoutError``; what epoll_ctl(2) says.
  @discardableResult
  package func ready(
    _ descriptor: Int32, _ interest: Epoll.Interest, until deadline: UInt64 = .max
  ) async throws -> Epoll.Interest {
    try await wait { loop, wait in
      let token = try loop.watch(descriptor, interest) { found in wait.end(.success(found)) }
      let timer =
        deadline == .max ? nil : loop.at(deadline) { wait.end(.failure(TimeoutError(limit: nil))) }
      return {
        loop.remove(token)
        if let timer { loop.cancel(timer: timer) }
      }
    }
  }

  /// Waits so long. A cancelled task is told at once.
  package func sleep(nanoseconds: UInt64) async throws {
    _ = try await wait { (loop, wait: LoopWait<Void>) in
      let timer = loop.after(nanoseconds) { wait.end(.success(())) }
      return { loop.cancel(timer: timer) }
    }
  }

  /// Waits for a callback of the loop's. `begin` asks for it, and returns how to take that back.
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

/// The loop as an actor's executor. Apart from the loop as a task's: what a task runs on no actor would otherwise seem to
/// be on one, and be sent away and back at every call.
package final class LoopSerialExecutor: SerialExecutor, @unchecked Sendable {
  // Set once, when the loop is made.
  weak var loop: EventLoop?

  package func enqueue(_ job: consuming ExecutorJob) {
    guard let loop else { return }
    loop.add(LoopJob(UnownedJob(job), isActorJob: true))
  }

  package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe UnownedSerialExecutor(ordinary: self)
  }

  package func checkIsolated() { precondition(loop?.isOnLoop ?? false, "not on the event loop's thread") }
}

/// A job that is ready.
@safe struct LoopJob {
  let job: UnownedJob
  /// It belongs to an actor that lives on the loop.
  let isActorJob: Bool

  init(_ job: UnownedJob, isActorJob: Bool) {
    self.job = job
    self.isActorJob = isActorJob
  }
}

/// A task that waits for a callback. Touched on the loop's thread alone.
@safe private final class LoopWait<Value: Sendable>: @unchecked Sendable {
  private var continuation: UnsafeContinuation<Value, any Error>?
  private var cancelWait: (() -> Void)?
  /// What came before it waited: it was cancelled already.
  private var earlyResult: Result<Value, any Error>?

  func begin(_ continuation: UnsafeContinuation<Value, any Error>, _ ask: () throws -> () -> Void) {
    if let earlyResult { return unsafe continuation.resume(with: earlyResult) }
    do {
      cancelWait = try ask()
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
    cancelWait?()
    cancelWait = nil
    unsafe waiting.resume(with: result)
  }
}
