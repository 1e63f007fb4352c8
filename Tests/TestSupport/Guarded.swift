package import Testing

/// Around each test: the watchdog, and a check that nothing is left behind, with the library's own state made before.
package struct Guarded: SuiteTrait, TestTrait, TestScoping {
  private let leavesNothing = LeavesNothing.leavesNothing(
    directories: { [Workspace.records, Workspace.directory + "/files"] })

  package var isRecursive: Bool { true }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    try #require(Workspace.warm, "the library can't make a channel at all")
    try await leavesNothing.provideScope(for: test, testCase: testCase) {
      try await Watched.watched.provideScope(for: test, testCase: testCase, performing: function)
    }
  }
}

extension Trait where Self == Guarded {
  /// A test that hangs or leaves something behind fails.
  package static var guarded: Guarded { Guarded() }
}
