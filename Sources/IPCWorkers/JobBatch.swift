import IPC
import Synchronization
import SystemCalls

/// Jobs that are waited for together. Their outcomes are handled one list at a time: the first thread that delivers one
/// handles it, and those that other threads deliver meanwhile. This also holds where handling an outcome leads to further
/// ones.
@usableFromInline final class JobBatch: Sendable {
  /// Decodes a list of outcomes, handles each, and returns the jobs to which they lead.
  @usableFromInline typealias Handle = @Sendable (OutcomeList) -> EncodedJobs?

  private struct State: Sendable {
    /// Jobs whose outcome isn't handled yet.
    var open = 0
    var lists: [OutcomeList] = []
    var isHandling = false
  }

  private let handle: Handle
  /// Of a single job that may be cancelled.
  let ticket: JobTicket?
  private let state = Locked(State())
  private let done = LocalEventCount()

  @usableFromInline init(_ ticket: JobTicket? = nil, _ handle: @escaping Handle) {
    self.ticket = ticket
    self.handle = handle
  }

  /// Adds to the number of jobs that are waited for.
  func expect(_ count: Int) { state.withLock { $0.open += count } }

  /// Handles outcomes. Passes the jobs that they lead to on to `submit`, or drops them if the list submits no more.
  func deliver(_ list: OutcomeList, submit: (EncodedJobs) -> Void) {
    var next: OutcomeList? = state.withLock { state in
      if state.isHandling {
        state.lists.append(list)
        return nil
      }
      state.isHandling = true
      return list
    }
    while let list = next {
      // Before the outcomes count as handled: the jobs that they lead to are part of the batch.
      if let more = handle(list), list.submitsMore { submit(more) }
      let isDone: Bool
      (next, isDone) = state.withLock { state in
        state.open -= list.records.count
        let isDone = state.open == 0
        guard !state.lists.isEmpty else {
          state.isHandling = false
          return (nil, isDone)
        }
        return (state.lists.removeFirst(), isDone)
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
