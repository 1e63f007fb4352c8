import Synchronization
import SystemCalls

/// One job that a task waits for, which may be cancelled: whether it is settled, and which worker has it.
@usableFromInline final class JobTicket: Sendable {
  /// Where a job is: with a worker, under this number.
  struct Place: Sendable {
    let connection: Int
    let process: Int32
    let board: WorkerBoard
    let number: UInt64
  }

  private struct State: Sendable {
    /// Its task has an outcome, or was cancelled.
    var isSettled = false
    /// Continues the task that was cancelled.
    var cancelled: (@Sendable () -> Void)?
    var place: Place?
  }

  private let state = Locked(State())

  @usableFromInline init() {}

  var isSettled: Bool { state.withLock { $0.isSettled } }

  /// The task begins to wait.
  /// - Parameter cancelled: continues it when it is cancelled.
  /// - Returns: false if it was cancelled already: `cancelled` was called then.
  @usableFromInline func wait(_ cancelled: @escaping @Sendable () -> Void) -> Bool {
    let isSettled = state.withLock { state in
      if !state.isSettled { state.cancelled = cancelled }
      return state.isSettled
    }
    if isSettled { cancelled() }
    return !isSettled
  }

  /// An outcome has come. Whether the task still waits for it.
  @usableFromInline func settle() -> Bool {
    state.withLock { state in
      defer {
        state.isSettled = true
        state.cancelled = nil
      }
      return !state.isSettled
    }
  }

  /// The task is cancelled: the job isn't begun any more.
  /// - Returns: where it is, nil if no worker has it, and what continues the task; nil: it was settled before.
  func cancel() -> (place: Place?, resume: (@Sendable () -> Void)?)? {
    state.withLock { state in
      guard !state.isSettled else { return nil }
      state.isSettled = true
      if let place = state.place { place.board.withdraw(place.number) }
      defer { state.cancelled = nil }
      return (state.place, state.cancelled)
    }
  }

  /// The job is about to be sent to a worker. False: it was cancelled.
  func isSent(to place: Place) -> Bool {
    state.withLock { state in
      if !state.isSettled { state.place = place }
      return !state.isSettled
    }
  }

  /// No worker has the job: it couldn't be sent, or its worker has died.
  func isBack() {
    state.withLock { state in
      // The number may be another job's now.
      if state.isSettled, let place = state.place { place.board.restore(place.number) }
      state.place = nil
    }
  }
}
