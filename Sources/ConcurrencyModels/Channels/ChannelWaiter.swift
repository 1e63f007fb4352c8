import Synchronization

/// A task that waits at one channel or, in a select, at several: whoever is first to claim it decides how it goes on.
@usableFromInline @safe final class ChannelWaiter: @unchecked Sendable {
  private static let idle = 0, parked = 1, claimed = 2, cancelled = 3

  private let state = Atomic<Int>(0)
  private var continuation: UnsafeContinuation<Void, Never>?
  /// Which of its cases it was; written by who claimed it, read when it goes on.
  @usableFromInline private(set) var outcome = 0

  @usableFromInline init() {}

  /// Its task suspends. False: it was cancelled before, and goes on at once.
  @usableFromInline func park(_ continuation: UnsafeContinuation<Void, Never>) -> Bool {
    unsafe self.continuation = unsafe continuation
    return change(Self.idle, Self.parked)
  }

  /// One of those who could go on with it takes it for itself: it is theirs to resume.
  @usableFromInline func claim(_ outcome: Int) -> Bool {
    guard change(Self.parked, Self.claimed) else { return false }
    self.outcome = outcome
    return true
  }

  /// After ``claim(_:)``, and after every lock was let go.
  @usableFromInline func resume() { unsafe continuation?.resume() }

  /// The task was cancelled, from whichever thread.
  @usableFromInline func cancel() {
    if change(Self.idle, Self.cancelled) { return }
    if change(Self.parked, Self.cancelled) { resume() }
  }

  /// Whether somebody has taken it for himself.
  var isClaimed: Bool { state.load(ordering: .acquiring) == Self.claimed }

  @usableFromInline var isCancelled: Bool { state.load(ordering: .acquiring) == Self.cancelled }

  private func change(_ from: Int, _ to: Int) -> Bool {
    state.compareExchange(expected: from, desired: to, ordering: .acquiringAndReleasing).exchanged
  }

  /// Its own task has found something before it suspended.
  @usableFromInline func withdraw() -> Bool {
    change(Self.parked, Self.claimed)
  }
}

/// One case of a waiter at one channel: the value that goes one way or the other.
@usableFromInline @safe final class ChannelSlot<Value>: @unchecked Sendable {
  // Whoever has claimed the waiter writes, and its task reads when it goes on.
  @usableFromInline let waiter: ChannelWaiter
  @usableFromInline let index: Int
  /// What is to be sent, or was received; nil after a receive: the channel is closed.
  @usableFromInline var value: Value?
  /// A send that found the channel closed.
  @usableFromInline var isClosed = false

  @inlinable init(_ waiter: ChannelWaiter, _ index: Int, _ value: Value? = nil) {
    self.waiter = waiter
    self.index = index
    self.value = value
  }
}

/// Who waits at a channel, first come first served.
@usableFromInline struct WaitQueue<Value> {
  @usableFromInline var slots: [ChannelSlot<Value>?] = []
  @usableFromInline var first = 0

  @inlinable init() {}

  @inlinable mutating func append(_ slot: ChannelSlot<Value>) { slots.append(slot) }

  /// The first whose waiter nobody else has claimed; it is claimed now.
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

  /// Its waiter went on elsewhere.
  @inlinable mutating func remove(_ slot: ChannelSlot<Value>) {
    // It is mostly the last one that came.
    guard let index = slots[first...].lastIndex(where: { $0 === slot }) else { return }
    slots.remove(at: index)
    compact()
  }

  /// Lets go of the places of those who have gone, when there are as many as of those who wait.
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
