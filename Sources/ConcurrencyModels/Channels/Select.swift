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
@inlinable nonisolated(nonsending) public func select<Outcome>(
  @SelectBuilder<Outcome> _ cases: () -> [SelectArm<Outcome>]
) async throws -> Outcome {
  let arms = cases()
  let operation = SelectOperation(arms)
  let chosen =
    if let ready = operation.attempt() ?? operation.otherwise { ready } else {
      try await operation.waitForOne()
    }
  return try await arms[chosen].finish()
}

/// One select in progress. A case is identified by its index. Not generic, so that a select looks up no metadata.
@usableFromInline struct SelectOperation: @unchecked Sendable {
  // Used by the task of the select only.
  private let arms: [AnySelectArm]
  private let locks: SelectLocks

  @usableFromInline init(_ arms: [AnySelectArm]) {
    self.arms = arms
    locks = SelectLocks(arms)
  }

  @usableFromInline var otherwise: Int? { arms.firstIndex { $0.isOtherwise } }

  /// Carries out one case that is ready. Nil: none is.
  @usableFromInline func attempt() -> Int? {
    locks.acquire()
    let chosen = attemptLocked()
    locks.release()
    if let chosen { arms[chosen].resumePeer() }
    return chosen
  }

  /// Tries the cases in a random order; every order is equally likely.
  private func attemptLocked() -> Int? {
    let count = arms.count
    if count == 0 { return nil }
    var random = SelectRandom()
    let first = count == 1 ? 0 : random.next(below: count)
    if arms[first].attempt() { return first }
    if count == 1 { return nil }
    if count == 2 { return arms[1 - first].attempt() ? 1 - first : nil }
    var order = Array(arms.indices)
    order.swapAt(first, count - 1)
    var left = count - 1
    while left > 0 {
      let place = left == 1 ? 0 : random.next(below: left)
      let index = order[place]
      if arms[index].attempt() { return index }
      left -= 1
      order[place] = order[left]
    }
    return nil
  }

  @usableFromInline nonisolated(nonsending) func waitForOne() async throws -> Int {
    while true {
      let claimed = try await wait()
      if claimed.isDone || !arms[claimed.index].onlyWakes { return claimed.index }
    }
  }

  /// Joins every wait queue until a peer claims one case, or a case is ready at once.
  private nonisolated(nonsending) func wait() async throws -> (index: Int, isDone: Bool) {
    let waiter = ChannelWaiter()
    nonisolated(unsafe) var ready: Int?
    await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { continuation in
        unsafe waiter.prepare(continuation)
        unsafe ready = park(waiter)
      }
    } onCancel: {
      waiter.cancel()
    }
    if let ready = unsafe ready { return (ready, true) }
    locks.acquire()
    for arm in arms { arm.unregister() }
    locks.release()
    if waiter.isCancelled { throw CancellationError() }
    return unsafe (waiter.outcome, false)
  }

  /// Tries once more, and otherwise joins every wait queue.
  private func park(_ waiter: ChannelWaiter) -> Int? {
    locks.acquire()
    let ready = attemptLocked()
    let waits = ready == nil && waiter.park()
    if waits {
      for index in arms.indices { arms[index].register(waiter, index) }
    }
    locks.release()
    if let ready { arms[ready].resumePeer() }
    // A case was ready, or the task was cancelled before it waited.
    if !waits { waiter.resume() }
    return ready
  }
}

/// The locks of all channels of a select, each once, in the order in which every select acquires them: two selects
/// over the same channels must not deadlock.
private struct SelectLocks {
  // Most selects have two cases: they allocate no array.
  private var first: BriefLock?
  private var second: BriefLock?
  private var others: [BriefLock] = []

  init(_ arms: [AnySelectArm]) {
    for arm in arms {
      if let lock = arm.lock { add(lock) }
    }
  }

  private mutating func add(_ lock: BriefLock) {
    var lock = lock
    if !Self.place(&lock, at: &first) || !Self.place(&lock, at: &second) { return }
    // There are few: a search is faster than a set.
    var place = others.count
    while place > 0, others[place - 1].order > lock.order { place -= 1 }
    if place == 0 || others[place - 1] !== lock { others.insert(lock, at: place) }
  }

  /// Puts the lock at a place that is free or belongs to a later lock, which then has to go on to the next place.
  /// False: no lock has to go on.
  private static func place(_ lock: inout BriefLock, at place: inout BriefLock?) -> Bool {
    guard let there = place else {
      place = lock
      return false
    }
    if there === lock { return false }
    if lock.order < there.order {
      place = lock
      lock = there
    }
    return true
  }

  func acquire() {
    first?.acquire()
    second?.acquire()
    for lock in others { lock.acquire() }
  }

  func release() {
    first?.release()
    second?.release()
    for lock in others { lock.release() }
  }
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
