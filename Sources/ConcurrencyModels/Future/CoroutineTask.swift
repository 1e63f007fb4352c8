/// Runs a coroutine to its end: starts it, waits for the future that it yields, and resumes it when that future
/// is done. An event loop that resolves the futures runs many of them on one thread.
///
/// A task lives as long as the future that it waits for: releasing a future that is not resolved ends the task
/// that waits for it. A task belongs to one thread. System calls: none.
///
/// Source: `Sources/ConcurrencyModels/Future/`.
public final class CoroutineTask<Value> {
  /// What the coroutine returned or threw; done when it has ended.
  public let outcome = Future<Value>()
  private let coroutine: Coroutine<Value>
  /// The number of the current wait; callbacks of earlier waits are ignored.
  private var waitNumber = 0
  private var isCancelled = false
  private var isStepping = false
  /// Whether the cancellation was thrown into the coroutine.
  private var cancellationDelivered = false

  /// Starts the coroutine, which runs to its first wait.
  public init(_ coroutine: Coroutine<Value>) {
    self.coroutine = coroutine
    step()
  }

  /// Throws `CancellationError` into the coroutine where it waits or, when the coroutine itself calls this, where
  /// it waits next. A task that has ended is not changed.
  public func cancel() {
    guard !outcome.isDone, !isCancelled else { return }
    isCancelled = true
    if isStepping { return }
    waitNumber += 1
    cancellationDelivered = true
    step(throwing: CancellationError())
  }

  private func step(throwing error: (any Error)? = nil) {
    var error = error
    isStepping = true
    defer { isStepping = false }
    do {
      while true {
        let next: (any Awaitable)?
        if let thrown = error {
          error = nil
          next = try coroutine.throw(thrown)
        } else {
          next = try coroutine.next()
        }
        guard let awaited = next else { break }
        if isCancelled, !cancellationDelivered {
          cancellationDelivered = true
          error = CancellationError()
          continue
        }
        // A future that is done needs no callback, and no deeper stack.
        if awaited.isDone { continue }
        waitNumber += 1
        let mine = waitNumber
        return awaited.whenDone { if self.waitNumber == mine { self.step() } }
      }
    } catch {
      return finish(.failure(error))
    }
    guard let value = coroutine.result else { return finish(.failure(GeneratorError(.hasEnded))) }
    finish(.success(value))
  }

  private func finish(_ result: Result<Value, any Error>) {
    waitNumber += 1
    outcome.resolve(result)
  }
}
