import SystemCalls
import Testing

/// Around each test: what it and its processes have made of System V objects is gone behind it.
struct LeavesNothing: SuiteTrait, TestTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    let before = SystemVObjects.now()
    try await function()
    // A process that ends takes a moment.
    var left: Set<String> = []
    _ = eventually(within: 10) {
      left = SystemVObjects.now().subtracting(before)
      return left.isEmpty
    }
    for object in left.sorted() { Issue.record("left behind: \(object)") }
  }
}

extension Trait where Self == LeavesNothing {
  /// What stays in the kernel fails the test.
  static var leavesNothing: LeavesNothing { LeavesNothing() }
}
