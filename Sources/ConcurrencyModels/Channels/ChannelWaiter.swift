import Synchronization

/// A task that waits at one channel or, in a select, at several. The first peer that claims it decides the outcome.
///
/// The task stores its continuation (``prepare(_:)``), tries once more, and then waits (``park()``). From then on
/// exactly one of two resumes it: the peer that claims it, or its cancellation.
@usableFromInline @safe class ChannelWaiter: @unchecked Sendable {
  private static let idle = 0, parked = 1, claimed = 2, cancelled = 3

  private let state = Atomic<Int>(0)
  // Written before `state` changes to parked, so no two threads access it at once, and no check for exclusivity is needed.
  @exclusivity(unchecked) private var continuation: UnsafeContinuation<Void, Never>?
  /// The index of the case that was claimed; written by the peer that claims, read when the task has resumed.
  @exclusivity(unchecked) @usableFromInline final private(set) var outcome = 0

  @usableFromInline init() {}

  /// Stores what resumes the task, before ``park()``.
  @usableFromInline final func prepare(_ continuation: UnsafeContinuation<Void, Never>) {
    unsafe self.continuation = unsafe continuation
  }

  /// Records that the task waits. False: it was cancelled before, and has to resume itself.
  @usableFromInline final func park() -> Bool { change(Self.idle, Self.parked) }

  /// Claims the waiter for one outcome. True: the caller then resumes it; no other peer can.
  @usableFromInline final func claim(_ outcome: Int) -> Bool {
    guard change(Self.parked, Self.claimed) else { return false }
    unsafe self.outcome = outcome
    return true
  }

  /// Resumes the task, after ``claim(_:)`` and after every lock is released, or instead of ``park()``.
  @usableFromInline final func resume() { unsafe continuation?.resume() }

  /// Ends the wait of a cancelled task. May be called from any thread.
  @usableFromInline final func cancel() {
    if change(Self.idle, Self.cancelled) { return }
    if change(Self.parked, Self.cancelled) { resume() }
  }

  /// Whether a peer has claimed it.
  final var isClaimed: Bool { state.load(ordering: .acquiring) == Self.claimed }

  @usableFromInline final var isCancelled: Bool { state.load(ordering: .acquiring) == Self.cancelled }

  /// Prepares it for another wait, after the task has resumed.
  @usableFromInline final func becomeIdle() { state.store(Self.idle, ordering: .relaxed) }

  private func change(_ from: Int, _ to: Int) -> Bool {
    state.compareExchange(expected: from, desired: to, ordering: .acquiringAndReleasing).exchanged
  }
}

/// A place in a channel's queue of waiters, without the value. A task that waits at one channel is its own waiter,
/// so that a wait allocates one object; the cases of a select share one.
@usableFromInline @safe class AnyChannelSlot: ChannelWaiter, @unchecked Sendable {
  // The peer that has claimed the waiter writes; the task reads when it has resumed. The links belong to the queue.
  @exclusivity(unchecked) @usableFromInline final var shared: ChannelWaiter?
  @exclusivity(unchecked) @usableFromInline final var index = 0
  @exclusivity(unchecked) @usableFromInline final unowned(unsafe) var next: AnyChannelSlot?
  @exclusivity(unchecked) @usableFromInline final unowned(unsafe) var previous: AnyChannelSlot?
  @exclusivity(unchecked) @usableFromInline final var isQueued = false
  /// Whether a send found the channel closed.
  @exclusivity(unchecked) @usableFromInline final var isClosed = false
  /// Whether the last attempt before the wait succeeded, so that there is nothing to wait for.
  @exclusivity(unchecked) @usableFromInline final var isDone = false

  @inlinable final func claim() -> Bool { unsafe (shared ?? self).claim(index) }

  /// Resumes the task whose slot was claimed.
  @inlinable final func resumeTask() { unsafe (shared ?? self).resume() }
}

/// One case of a waiter at one channel, with the value that is sent or received.
@usableFromInline @safe final class ChannelSlot<Value>: AnyChannelSlot, @unchecked Sendable {
  /// The value to send, or the one received; nil after a receive: the channel is closed.
  @exclusivity(unchecked) @usableFromInline var value: Value?

  @inlinable init(_ value: Value? = nil) {
    unsafe self.value = value
    super.init()
  }

  /// Prepares it for another wait, after the task has resumed.
  @inlinable func reset() {
    unsafe value = nil
    unsafe isClosed = false
    unsafe isDone = false
    becomeIdle()
  }
}

/// The waiters at a channel, in the order in which they came: a list that is linked through them, so that one of
/// many waiters leaves it at once. Not generic, so that a select looks up no metadata.
///
/// The list doesn't own the waiters: each is owned by its task, which leaves the list before it releases it.
@usableFromInline @safe struct WaitQueue {
  @usableFromInline unowned(unsafe) var first: AnyChannelSlot?
  @usableFromInline unowned(unsafe) var last: AnyChannelSlot?

  @inlinable init() {}

  @inlinable var isEmpty: Bool { unsafe first == nil }

  @inlinable mutating func append(_ slot: AnyChannelSlot) {
    unsafe slot.isQueued = true
    if let last = unsafe last {
      unsafe last.next = slot
      unsafe slot.previous = last
    } else {
      unsafe first = slot
    }
    unsafe last = slot
  }

  /// Claims and removes the first waiter that no other peer has claimed.
  @inlinable mutating func claimFirst() -> AnyChannelSlot? {
    while let slot = unsafe first {
      remove(slot)
      if slot.claim() { return slot }
    }
    return nil
  }

  /// Removes a waiter that was claimed at another channel or cancelled, if it is still here.
  @inlinable mutating func remove(_ slot: AnyChannelSlot) {
    guard unsafe slot.isQueued else { return }
    unsafe slot.isQueued = false
    if let next = unsafe slot.next {
      unsafe next.previous = slot.previous
    } else {
      unsafe last = slot.previous
    }
    if let previous = unsafe slot.previous {
      unsafe previous.next = slot.next
    } else {
      unsafe first = slot.next
    }
    unsafe slot.next = nil
    unsafe slot.previous = nil
  }
}
