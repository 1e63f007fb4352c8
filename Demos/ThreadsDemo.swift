import Dispatch
import Synchronization

/// A thread for each: the same calls, three times at once.
///
/// What it gives and costs: the code stays as it was, and the kernel switches between the threads; but each thread needs
/// a stack, and what they share needs a lock.
enum ThreadsDemo: Demo {
  static let name = "threads"
  static let summary = "the same three answers, a thread for each, and a lock around what the threads share"

  /// What the threads share: the answered questions, and an error.
  private final class Board: Sendable {
    struct State: Sendable {
      var answered: [String] = []
      var failure: (any Error)?
    }
    let state = Mutex(State())
  }

  static func run() throws {
    let watch = Stopwatch()
    let board = Board()
    let ended = DispatchSemaphore(value: 0)
    for (question, milliseconds) in SlowAnswer.questions {
      try startThread {
        defer { ended.signal() }
        do {
          try SlowAnswer(question, after: milliseconds).wait()
          board.state.withLock { $0.answered.append(question) }
          say("thread", "\"\(question)\" was answered after \(watch.milliseconds) ms")
        } catch {
          board.state.withLock { $0.failure = error }
        }
      }
    }
    for _ in SlowAnswer.questions { ended.wait() }
    if let failure = board.state.withLock({ $0.failure }) { throw failure }
    say(
      "main",
      "\(board.state.withLock { $0.answered.count }) answers in \(watch.milliseconds) ms: as long as the slowest alone"
    )
  }
}
