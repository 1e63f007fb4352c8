/// Runs several async functions at once and returns their results in the order of the functions.
///
/// The functions run where the caller runs: on an event loop, all of them run on its one thread. The first one that
/// throws cancels the others. System calls: none.
/// - Throws: the first error, after every function has ended.
public func gather<Value: Sendable>(
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
