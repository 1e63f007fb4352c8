import Glibc
import Synchronization
import SystemCalls
package import Testing

/// Ends a test that hangs: records a failure and cancels the test's task, so that the run continues with the next test.
/// If the test doesn't end then, because a call blocks its thread, the run is aborted.
///
/// One test at a time: the suites are serialized.
package enum Watchdog {
  /// How long a test may take, in seconds. A sanitizer makes each several times slower.
  static let usualLimit: UInt64 = Sanitizer.isOn ? 450 : 90
  /// How long a cancelled test may take to end, in seconds.
  private static let grace: UInt64 = 10
  private static let second: UInt64 = 1_000_000_000

  private struct State {
    var task: Task<Void, any Error>?
    var test = ""
    var detail = ""
    var isCancelled = false
    var limit: UInt64 = 0
    var deadline: UInt64 = 0

    var description: String { detail.isEmpty ? test : "\(test) \(detail)" }
  }

  private static let state = Locked(State())

  private static let isStarted: Bool = {
    let started: Void? = try? Threads.start(name: "watchdog") {
      while true {
        Clock.sleep(nanoseconds: second / 2)
        check()
      }
    }
    return started != nil
  }()

  /// Says what the test is doing, for the watchdog's message.
  package static func at(_ detail: some CustomStringConvertible) {
    state.withLock { $0.detail = "\(detail)" }
  }

  /// Runs a test under the watchdog.
  static func run(
    _ test: String, limit: UInt64, _ function: @escaping @Sendable () async throws -> Void
  ) async throws {
    try #require(isStarted, "the watchdog's thread can't be started")
    // A task of its own, so that the test alone is cancelled. It inherits the current test.
    let task = Task { try await function() }
    state.withLock {
      $0 = State(task: task, test: test, limit: limit, deadline: Clock.now() + limit * second)
    }
    let result = await withTaskCancellationHandler {
      await task.result
    } onCancel: {
      task.cancel()
    }
    let hung = state.withLock { state in
      defer { state = State() }
      return state.isCancelled ? state.description : nil
    }
    if let hung { Issue.record("\(hung) hung for \(limit) s and ended only when cancelled") }
    try result.get()
  }

  private static func check() {
    state.withLock { state in
      guard let task = state.task, Clock.now() > state.deadline else { return }
      if state.isCancelled {
        say("\(state.description) does not end when cancelled: the run is aborted")
        // Without the handler that prints every thread's stack for minutes.
        signal(SIGABRT, SIG_DFL)
        abort()
      }
      say("\(state.description) hangs for \(state.limit) s: cancelled")
      task.cancel()
      state.isCancelled = true
      state.deadline = Clock.now() + grace * second
    }
  }

  private static func say(_ text: String) {
    let line = "watchdog: \(text)\n"
    _ = unsafe write(2, line, line.utf8.count)
  }
}

/// The trait of a suite whose tests run under the watchdog.
package struct Watched: SuiteTrait, TestTrait, TestScoping {
  fileprivate let limit: UInt64

  package var isRecursive: Bool { true }

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    try await withoutActuallyEscaping(function) { function in
      try await Watchdog.run(test.name, limit: limit, function)
    }
  }
}

extension Trait where Self == Watched {
  /// A test that hangs fails.
  package static var watched: Watched { Watched(limit: Watchdog.usualLimit) }

  /// A test that hangs fails, after as many seconds: one that starts a compiler takes longer than the others may.
  package static func watched(seconds: UInt64) -> Watched { Watched(limit: seconds) }
}
