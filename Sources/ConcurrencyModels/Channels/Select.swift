import Measurement
import Synchronization

/// Waits until one of several cases is ready and carries out that one: Go's `select`.
///
/// ```swift
/// try await select {
///   Receive(jobs) { job in … }          // nil: the channel is closed
///   Send(result, to: results) { … }
///   After(.seconds(1)) { … }            // nothing was ready for a second
/// }
/// ```
///
/// Where several cases are ready, one is chosen at random, so that none starves. The others have no effect:
/// nothing was sent and nothing taken. With an ``Otherwise`` it doesn't wait. Without any case it waits until its
/// task is cancelled.
///
/// System calls: futex(2), of the channels' locks and of an executor that has to be woken.
///
/// - Returns: what the closure of the chosen case returns.
/// - Throws: what that closure throws; `sendOnClosed`; `CancellationError` when the task is cancelled while it
///   waits.
@discardableResult
nonisolated(nonsending) public func select<Outcome>(
  @SelectBuilder<Outcome> _ cases: () -> [SelectArm<Outcome>]
) async throws -> Outcome {
  let arms = cases()
  let select = SelectOperation(arms)
  let chosen =
    if let ready = select.attempt() ?? select.otherwise { ready } else { try await select.waitForOne() }
  return try await arms[chosen].finish()
}

/// One select in progress. A case is identified by its index.
private final class SelectOperation {
  private let arms: [AnySelectArm]
  /// The locks of all its channels, each once, in the order in which every select acquires them: two selects over
  /// the same channels must not deadlock.
  private var locks: [ChannelLock] = []

  init(_ arms: [AnySelectArm]) {
    self.arms = arms
    for arm in arms {
      guard let lock = arm.lock else { continue }
      // There are few: a search is faster than a set.
      var place = locks.count
      while place > 0, locks[place - 1].order > lock.order { place -= 1 }
      if place == 0 || locks[place - 1] !== lock { locks.insert(lock, at: place) }
    }
  }

  var otherwise: Int? { arms.firstIndex { $0.isOtherwise } }

  /// Carries out one case that is ready. Nil: none is.
  func attempt() -> Int? {
    acquire()
    let chosen = attemptLocked()
    release()
    if let chosen { arms[chosen].resumePeer() }
    return chosen
  }

  private func attemptLocked() -> Int? {
    if arms.count == 1 { return arms[0].attempt() ? 0 : nil }
    // Tries the cases in a random order; every order is equally likely.
    var order = Array(arms.indices)
    var random = SelectRandom()
    var left = order.count
    while left > 0 {
      let place = left == 1 ? 0 : random.next(below: left)
      let index = order[place]
      if arms[index].attempt() { return index }
      left -= 1
      order[place] = order[left]
    }
    return nil
  }

  nonisolated(nonsending) func waitForOne() async throws -> Int {
    while true {
      let claimed = try await wait()
      if !arms[claimed.index].onlyWakes || claimed.isDone { return claimed.index }
    }
  }

  /// Joins every wait queue until a peer claims one case, or a case is ready at once.
  private nonisolated(nonsending) func wait() async throws -> (index: Int, isDone: Bool) {
    let waiter = ChannelWaiter()
    var ready: Int?
    try await waiter.wait {
      self.acquire()
      ready = self.attemptLocked()
      if ready == nil {
        for index in self.arms.indices { self.arms[index].register(waiter, index) }
      }
      self.release()
      if let ready { self.arms[ready].resumePeer() }
      return ready == nil
    } unregister: {
      self.unregister()
    }
    if let ready { return (ready, true) }
    unregister()
    return (waiter.outcome, false)
  }

  private func unregister() {
    acquire()
    for arm in arms { arm.unregister() }
    release()
  }

  private func acquire() { for lock in locks { lock.acquire() } }
  private func release() { for lock in locks { lock.release() } }
}

/// Random numbers without a system call. The sequence of each select starts elsewhere.
private struct SelectRandom {
  private static let start = Atomic<UInt64>(UInt64.random(in: 0 ... .max))
  /// An odd constant other than the distance between the starts, so that the sequences don't overlap.
  private static let step: UInt64 = 0xD1B5_4A32_D192_ED03
  private var state = start.wrappingAdd(SeededRandom.increment, ordering: .relaxed).newValue

  mutating func next(below bound: Int) -> Int {
    state &+= Self.step
    return Int(SeededRandom.mix(state) % UInt64(bound))
  }
}
