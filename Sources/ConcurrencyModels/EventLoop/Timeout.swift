import Synchronization

/// An async function took longer than it was allowed to.
public struct TimeoutError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The time that was allowed, in nanoseconds; nil where the limit was an instant.
  public let limit: UInt64?

  /// The time that was allowed, in seconds.
  public var description: String {
    limit.map { "took longer than \(Double($0) / 1e9) s" } ?? "took longer than it may"
  }
}

extension EventLoop {
  /// Runs an async function on the loop and cancels it after this many nanoseconds. The function sees the
  /// cancellation at its next wait. System calls: those of a timer of the loop.
  /// - Throws: ``TimeoutError``, after the function has ended; what the function throws.
  public func timeout<Value: Sendable>(
    nanoseconds: UInt64, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let state = TimeoutState()
    // An unstructured task can be cancelled alone; a task group would need a second task for the timer.
    let child = Task(executorPreference: self) { try await body() }
    onLoop {
      guard !state.isOver else { return }
      state.timer = self.after(nanoseconds) {
        state.isLate.store(true, ordering: .releasing)
        child.cancel()
      }
    }
    let result = await withTaskCancellationHandler {
      await child.result
    } onCancel: {
      child.cancel()
    }
    onLoop {
      state.isOver = true
      if let timer = state.timer { self.cancel(timer: timer) }
    }
    if case .failure = result, state.isLate.load(ordering: .acquiring) {
      throw TimeoutError(limit: nanoseconds)
    }
    return try result.get()
  }

  /// Used on the loop's thread only, except for what is atomic.
  private final class TimeoutState: @unchecked Sendable {
    var timer: UInt64?
    let isLate = Atomic<Bool>(false)
    var isOver = false
  }
}
