import IPC
import Synchronization

/// Jobs that are waited for together. Their outcomes are handled one at a time: the first thread that delivers one handles
/// it, and those that other threads deliver meanwhile. This also holds where handling an outcome leads to further ones.
final class JobBatch<Job: Sendable, Output: Sendable>: Sendable {
  typealias Outcome = JobOutcome<Job, Output>
  typealias Handle = @Sendable (Outcome) -> [Job]

  private struct State: Sendable {
    /// Jobs whose outcome isn't handled yet.
    var open = 0
    var outcomes: [(outcome: Outcome, submitsMore: Bool)] = []
    var isHandling = false
  }

  private let handle: Handle
  private let state = Mutex(State())
  private let done = LocalEventCount()

  init(_ handle: @escaping Handle) { self.handle = handle }

  /// Adds to the number of jobs that are waited for.
  func expect(_ count: Int) { state.withLock { $0.open += count } }

  /// Handles outcomes. Passes the jobs that they lead to on to `submit`, or drops them unless `submitsMore`.
  func deliver(_ outcomes: [Outcome], submitsMore: Bool, submit: ([Job]) -> Void) {
    var claimed = state.withLock { state in
      state.outcomes.append(contentsOf: outcomes.map { ($0, submitsMore) })
      if state.isHandling { return [(outcome: Outcome, submitsMore: Bool)]() }
      state.isHandling = true
      defer { state.outcomes = [] }
      return state.outcomes
    }
    while !claimed.isEmpty {
      var more: [Job] = []
      for (outcome, submitsMore) in claimed {
        let next = handle(outcome)
        if submitsMore { more.append(contentsOf: next) }
      }
      // Before the outcomes count as handled: the jobs that they lead to are part of the batch.
      if !more.isEmpty { submit(more) }
      let finished = claimed.count
      let isDone: Bool
      (claimed, isDone) = state.withLock { state in
        state.open -= finished
        let next = state.outcomes
        state.outcomes = []
        if next.isEmpty { state.isHandling = false }
        return (next, state.open == 0)
      }
      if isDone { done.eventCount.wake() }
    }
  }

  /// Waits until every outcome is handled.
  func wait() {
    _ = FlushRegistry.flushBeforeWaiting()
    _ = try? done.eventCount.wait(until: .never) { () throws(ChannelError) in state.withLock { $0.open == 0 }
    }
  }
}
