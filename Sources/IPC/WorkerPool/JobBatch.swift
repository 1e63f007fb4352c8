import Synchronization

/// Jobs that somebody waits for together.
final class JobBatch<Job: Sendable, Output: Sendable>: Sendable {
  typealias Handle = @Sendable (JobOutcome<Job, Output>) -> [Job]

  private let handle: Handle
  private let open = Mutex(0)
  private let turn = Mutex(())
  private let done = LocalDoorbell()

  init(_ handle: @escaping Handle) { self.handle = handle }

  func expect(_ count: Int) { open.withLock { $0 += count } }

  /// Hands outcomes to their owner, one at a time. They count as open until ``settle()``, so that what they lead
  /// to can be added first.
  func finish(_ outcomes: [JobOutcome<Job, Output>]) -> [Job] {
    var more: [Job] = []
    turn.withLock { _ in
      for outcome in outcomes { more.append(contentsOf: handle(outcome)) }
    }
    return more
  }

  func settle(_ count: Int) {
    if open.withLock({ open in
      open -= count
      return open == 0
    }) {
      done.bell.wake()
    }
  }

  func wait() {
    _ = try? done.bell.wait(until: .never) { () throws(ChannelError) in open.withLock { $0 == 0 } }
  }
}
