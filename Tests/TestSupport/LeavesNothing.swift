package import Testing

/// The trait of a suite whose tests leave nothing behind, in this process or in the kernel.
package struct LeavesNothing: SuiteTrait, TestTrait, TestScoping {
  private let contents: SystemSnapshot.Contents
  private let directories: @Sendable () -> [String]

  package var isRecursive: Bool { true }

  init(_ contents: SystemSnapshot.Contents, _ directories: @escaping @Sendable () -> [String]) {
    self.contents = contents
    self.directories = directories
  }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    let before = SystemSnapshot(contents, directories: directories())
    try await function()
    for leak in before.leaks() { Issue.record("left behind: \(leak)") }
  }
}

extension Trait where Self == LeavesNothing {
  /// What a test leaves behind fails it.
  /// - Parameters:
  ///   - contents: what is looked at.
  ///   - directories: where temporary files are looked for, beside /dev/shm and /dev/mqueue.
  package static func leavesNothing(
    _ contents: SystemSnapshot.Contents = .all, directories: @escaping @Sendable () -> [String] = { [] }
  ) -> LeavesNothing {
    LeavesNothing(contents, directories)
  }
}
