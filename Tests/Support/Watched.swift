import Glibc
import Synchronization
import SystemCalls
package import Testing

/// Ends the run when a test hangs in this very process, where no tool can be killed for it.
package struct Watched: SuiteTrait, TestTrait, TestScoping {
  private static let seconds: UInt64 = 90
  private static let current = Mutex<(test: String, until: UInt64)?>(nil)

  private static let isStarted: Bool = {
    let started: Void? = try? Threads.start(name: "watchdog") {
      while true {
        Clock.sleep(nanoseconds: 500_000_000)
        guard let (test, until) = current.withLock({ $0 }), Clock.now() > until else { continue }
        let text = "watchdog: \(test) hangs\n"
        _ = unsafe write(2, text, text.utf8.count)
        Glibc.signal(SIGABRT, SIG_DFL)
        abort()
      }
    }
    return started != nil
  }()

  package var isRecursive: Bool { true }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    try #require(Self.isStarted)
    Self.current.withLock { $0 = (test.name, Clock.now() + Self.seconds * 1_000_000_000) }
    defer { Self.current.withLock { $0 = nil } }
    try await function()
  }
}

extension Trait where Self == Watched {
  package static var watched: Watched { Watched() }
}
