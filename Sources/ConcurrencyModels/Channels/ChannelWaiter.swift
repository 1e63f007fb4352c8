import Synchronization

/// A task that waits at one channel or, in a select, at several. The first peer that claims it decides the outcome.
@usableFromInline @safe final class ChannelWaiter: @unchecked Sendable {
  private static let idle = 0, parked = 1, claimed = 2, cancelled = 3

  private let state = Atomic<Int>(0)
  private var continuation: UnsafeContinuation<Void, Never>?
  /// The index of the case that was claimed; written by the peer that claims, read when the task has resumed.
  @usableFromInline private(set) var outcome = 0

  @usableFromInline init() {}

  /// Records that the task suspends. False: it was cancelled before; the caller resumes it at once.
  @usableFromInline func park(_ continuation: UnsafeContinuation<Void, Never>) -> Bool {
    unsafe self.continuation = unsafe continuation
    return change(Self.idle, Self.parked)
  }

  /// Claims the waiter for one outcome. True: the caller then resumes it; no other peer can.
  @usableFromInline func claim(_ outcome: Int) -> Bool {
    guard change(Self.parked, Self.claimed) else { return false }
    self.outcome = outcome
    return true
  }

  /// Resumes the task, after ``claim(_:)`` and after every lock is released.
  @usableFromInline func resume() { unsafe continuation?.resume() }

  /// Ends the wait of a cancelled task. May be called from any thread.
  @usableFromInline func cancel() {
    if change(Self.idle, Self.cancelled) { return }
    if change(Self.parked, Self.cancelled) { resume() }
  }

  /// Whether a peer has claimed it.
  var isClaimed: Bool { state.load(ordering: .acquiring) == Self.claimed }

  @usableFromInline var isCancelled: Bool { state.load(ordering: .acquiring) == Self.cancelled }

  private func change(_ from: Int, _ to: Int) -> Bool {
    state.compareExchange(expected: from, desired: to, ordering: .acquiringAndReleasing).exchanged
  }

  /// Ends the wait on behalf of the task itself, which needs to wait no more. False: it was claimed or cancelled.
  @usableFromInline func withdraw() -> Bool {
    change(Self.parked, Self.claimed)
  }
}

/// One case of a waiter at one channel, with the value that is sent or received.
@usableFromInline @safe final class ChannelSlot<Value>: @unchecked Sendable {
  // The peer that has claimed the waiter writes; the task reads when it has resumed.
  @usableFromInline let waiter: ChannelWaiter
  @usableFromInline let index: Int
  /// The value to send, or the one received; nil after a receive: the channel is closed.
  @usableFromInline var value: Value?
  /// Whether a send found the channel closed.
  @usableFromInline var isClosed = false

  @inlinable init(_ waiter: ChannelWaiter, _ index: Int, _ value: Value? = nil) {
    self.waiter = waiter
    self.index = index
    self.value = value
  }
}

/// The waiters at a channel, in the order in which they came.
@usableFromInline struct WaitQueue<Value> {
  @usableFromInline var slots: [ChannelSlot<Value>?] = []
  @usableFromInline var first = 0

  @inlinable init() {}

  @inlinable mutating func append(_ slot: ChannelSlot<Value>) { slots.append(slot) }

  /// Claims and removes the first waiter that no other peer has claimed.
  @inlinable mutating func claimFirst() -> ChannelSlot<Value>? {
    while first < slots.count {
      let slot = slots[first]
      slots[first] = nil
      first += 1
      compact()
      if let slot, slot.waiter.claim(slot.index) { return slot }
    }
    return nil
  }

  /// Removes a waiter that was claimed at another channel or cancelled.
  @inlinable mutating func remove(_ slot: ChannelSlot<Value>) {
    // Usually it is the last one that was added.
    guard let index = slots[first...].lastIndex(where: { $0 === slot }) else { return }
    slots.remove(at: index)
    compact()
  }

  /// Removes the empty places when they are more than half of all.
  @inlinable mutating func compact() {
    if first == slots.count {
      slots.removeAll(keepingCapacity: true)
      first = 0
    } else if first > 32, first > slots.count / 2 {
      slots.removeFirst(first)
      first = 0
    }
  }

  @inlinable var isEmpty: Bool { first == slots.count }
}
