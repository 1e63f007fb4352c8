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
  /// In nanoseconds.
  package let limit: UInt64
  package var description: String { "took longer than \(Double(limit) / 1e9) s" }
}

extension EventLoop {
  /// Runs an async function, at most so long: then it is cancelled, which it is told at its next wait.
  /// - Throws: ``TimeoutError``, after it has ended; what it throws.
  package func timeout<Value: Sendable>(
    nanoseconds: UInt64, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await self.sleep(nanoseconds: nanoseconds)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let value = first else {
        throw TimeoutError(limit: nanoseconds)
      }
      return value
    }
  }
}
