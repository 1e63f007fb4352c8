/// Waits until one of several things can be done, and does that one: Go's `select`.
///
/// ```swift
/// try await select {
///   Receive(jobs) { job in … }          // nil: the channel is closed
///   Send(result, to: results) { … }
///   After(.seconds(1)) { … }            // nothing was ready for a second
/// }
/// ```
///
/// Where several are ready, one is chosen at random, so that none is kept out for ever. What isn't chosen hasn't
/// happened: nothing was sent, and nothing taken. With ``Otherwise`` it doesn't wait. Without any case it waits until
/// its task is cancelled.
///
/// - Throws: what the case's closure throws; `sendOnClosed`; `CancellationError` when the task is cancelled while it
///   waits.
@discardableResult
nonisolated(nonsending) public func select<Outcome>(
  @SelectBuilder<Outcome> _ cases: () -> [SelectArm<Outcome>]
) async throws -> Outcome {
  let select = SelectRun(cases())
  if let chosen = select.attempt() { return try await chosen.finish() }
  if let otherwise = select.otherwise { return try await otherwise.finish() }
  return try await select.wait().finish()
}

/// One select on its way.
private final class SelectRun<Outcome> {
  private let arms: [SelectArm<Outcome>]
  /// Of all its channels, each once, in the order in which everybody takes them: two selects over the same channels must
  /// not wait for each other.
  private let locks: [ChannelLock]
  private var random = SelectOrder()

  init(_ arms: [SelectArm<Outcome>]) {
    self.arms = arms
    var seen: Set<UInt> = []
    locks = arms.compactMap(\.lock).filter { seen.insert($0.order).inserted }.sorted { $0.order < $1.order }
  }

  var otherwise: SelectArm<Outcome>? { arms.first { $0.isOtherwise } }

  /// Does what can be done at once. Nil: nothing.
  func attempt() -> SelectArm<Outcome>? {
    acquire()
    let chosen = attemptLocked()
    release()
    chosen?.resumePeer()
    return chosen
  }

  private func attemptLocked() -> SelectArm<Outcome>? {
    random.shuffled(arms.count).lazy.map { self.arms[$0] }.first { $0.attempt() }
  }

  /// Stands in every line until somebody claims it.
  nonisolated(nonsending) func wait() async throws -> SelectArm<Outcome> {
    let waiter = ChannelWaiter()
    var chosen: SelectArm<Outcome>?
    try await waiter.wait {
      self.acquire()
      chosen = self.attemptLocked()
      if chosen == nil {
        for (index, arm) in self.arms.enumerated() { arm.lineUp(waiter, index) }
      }
      self.release()
      chosen?.resumePeer()
      return chosen == nil
    } leave: {
      self.leave()
    }
    if let chosen { return chosen }
    leave()
    return arms[waiter.outcome]
  }

  private func leave() {
    acquire()
    for arm in arms { arm.leave() }
    release()
  }

  private func acquire() { for lock in locks { lock.acquire() } }
  private func release() { for lock in locks { lock.release() } }
}

/// The order in which a select looks at its cases: a new one each time, each as likely as the others.
private struct SelectOrder {
  private var generator = SystemRandomNumberGenerator()

  mutating func shuffled(_ count: Int) -> [Int] {
    count < 2 ? Array(0..<count) : (0..<count).shuffled(using: &generator)
  }
}
