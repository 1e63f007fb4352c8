import Synchronization

/// Runs several async functions at once, and returns what they returned, in their order. The first that throws cancels
/// the others; its error is thrown when they have ended.
///
/// Inherits where it runs: on an event loop, all of them run on its one thread.
package func gather<Value: Sendable>(
  _ operations: [@Sendable () async throws -> Value]
) async throws -> [Value] {
  try await withThrowingTaskGroup(of: (Int, Value).self) { group in
    for (index, operation) in operations.enumerated() {
      group.addTask { (index, try await operation()) }
    }
    var values = [Value?](repeating: nil, count: operations.count)
    while let (index, value) = try await group.next() { values[index] = value }
    return values.compactMap { $0 }
  }
}

/// An async function took longer than it was given.
package struct TimeoutError: Error, Hashable, Sendable, CustomStringConvertible {
  /// In nanoseconds; nil: an instant was given.
  package let limit: UInt64?
  package var description: String {
    limit.map { "took longer than \(Double($0) / 1e9) s" } ?? "took longer than it may"
  }
}

extension EventLoop {
  /// Runs an async function on the loop, at most so long: then it is cancelled, which it is told at its next wait.
  /// - Throws: ``TimeoutError``, after it has ended; what it throws.
  package func timeout<Value: Sendable>(
    nanoseconds: UInt64, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let state = TimeoutState()
    // A task of its own, so that it alone is cancelled; one for both, where a group would take one for the timer as well.
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

  /// Touched on the loop's thread, but for what is atomic.
  private final class TimeoutState: @unchecked Sendable {
    var timer: UInt64?
    let isLate = Atomic<Bool>(false)
    var isOver = false
  }
}
