import Glibc
import Synchronization
import SystemCalls
import Testing

/// Around each test: a watchdog that ends the run when the test hangs, and a check that nothing is left
/// behind.
struct Guarded: SuiteTrait, TestTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    try #require(Workspace.warm, "the library can't make a channel at all")
    let before = Snapshot.now()
    Watchdog.begin("\(test.name)")
    defer { Watchdog.end() }
    try await function()
    for leak in before.leaks() { Issue.record("left behind: \(leak)") }
  }
}

extension Trait where Self == Guarded {
  /// Hangs end the run, leaks fail the test.
  static var guarded: Guarded { Guarded() }
}

/// Ends the whole run when a test takes longer than any test may: a hang would otherwise be nobody's failure.
enum Watchdog {
  private static let seconds: UInt64 = 60

  private struct State {
    var test: String?
    var detail = ""
    var until: UInt64 = 0
  }

  private static let state = Mutex(State())

  private static let started: Bool = {
    let started: Void? = try? Threads.start(name: "watchdog") {
      while true {
        Clock.sleep(nanoseconds: 500_000_000)
        state.withLock { state in
          guard let test = state.test, Clock.now() > state.until else { return }
          let text = "watchdog: \(test) \(state.detail) hangs for \(seconds) seconds\n"
          _ = unsafe write(2, text, text.utf8.count)
          // At once, without anybody's handler that looks at the stack for minutes.
          signal(SIGABRT, SIG_DFL)
          abort()
        }
      }
    }
    return started != nil
  }()

  static func begin(_ test: String) {
    precondition(started)
    state.withLock { $0 = State(test: test, until: Clock.now() + seconds * 1_000_000_000) }
  }

  /// Says what the test is at, for the watchdog's last words.
  static func at(_ detail: some CustomStringConvertible) { state.withLock { $0.detail = "\(detail)" } }

  static func end() { state.withLock { $0.test = nil } }
}
