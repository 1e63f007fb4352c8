import IPC
import Synchronization

/// Jobs that somebody waits for together. Their outcomes are handled one at a time, by whichever thread comes first
/// while nobody is at it; also when handling one leads to others being refused.
final class JobBatch<Job: Sendable, Output: Sendable>: Sendable {
  typealias Outcome = JobOutcome<Job, Output>
  typealias Handle = @Sendable (Outcome) -> [Job]

  private struct State: Sendable {
    /// Jobs that aren't done, or whose outcome isn't handled.
    var open = 0
    var outcomes: [(outcome: Outcome, leadsOn: Bool)] = []
    var isHandling = false
  }

  private let handle: Handle
  private let state = Mutex(State())
  private let done = LocalEventCount()

  init(_ handle: @escaping Handle) { self.handle = handle }

  func expect(_ count: Int) { state.withLock { $0.open += count } }

  /// Hands outcomes to their owner; what they lead to goes to `submit`, unless nobody is left to do it.
  func deliver(_ outcomes: [Outcome], leadsOn: Bool, submit: ([Job]) -> Void) {
    var mine = state.withLock { state in
      state.outcomes.append(contentsOf: outcomes.map { ($0, leadsOn) })
      if state.isHandling { return [(outcome: Outcome, leadsOn: Bool)]() }
      state.isHandling = true
      defer { state.outcomes = [] }
      return state.outcomes
    }
    while !mine.isEmpty {
      var more: [Job] = []
      for (outcome, leadsOn) in mine {
        let next = handle(outcome)
        if leadsOn { more.append(contentsOf: next) }
      }
      // Before they count as done: what they lead to is part of the batch.
      if !more.isEmpty { submit(more) }
      let finished = mine.count
      let isDone: Bool
      (mine, isDone) = state.withLock { state in
        state.open -= finished
        let next = state.outcomes
        state.outcomes = []
        if next.isEmpty { state.isHandling = false }
        return (next, state.open == 0)
      }
      if isDone { done.bell.wake() }
    }
  }

  func wait() {
    _ = FlushRegistry.flushBeforeWaiting()
    _ = try? done.bell.wait(until: .never) { () throws(ChannelError) in state.withLock { $0.open == 0 } }
  }
}
