/// Steps a coroutine to its end: starts it, waits for the future that it yields, and steps it again when that is there.
/// With an event loop that resolves the futures, that is all that concurrency takes on one thread.
///
/// A task lives as long as the future that it waits for: whoever drops a future that will never be resolved cancels the
/// task that waits for it. Belongs to one thread. System calls: none.
public final class CoroutineTask<Value> {
  /// What the coroutine returned or threw, once it has ended.
  public let outcome = Future<Value>()
  private let coroutine: Coroutine<Value>
  /// Which wait the next callback ends; callbacks of earlier ones come to nothing.
  private var waitNumber = 0
  private var isCancelled = false
  private var isStepping = false
  /// The cancellation was thrown in.
  private var cancellationDelivered = false

  /// Takes the first step.
  public init(_ coroutine: Coroutine<Value>) {
    self.coroutine = coroutine
    step()
  }

  /// Throws `CancellationError` into the coroutine where it waits, or, called by itself, where it waits next. One that
  /// has ended stays as it is.
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
        // What is there already costs no callback, and no stack.
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
