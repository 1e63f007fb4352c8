import Synchronization

/// A sender that holds messages back.
package protocol CoalescingTransport: AnyObject, Sendable {
  /// Writes what it can without waiting. True: nothing is held back any more (or the channel is closed, which the
  /// owner's next call will say).
  func flushWithoutWaiting() -> Bool
}

/// The senders of this process that hold messages back. They are flushed before any receiver of the process
/// waits: otherwise two processes could each wait for what the other still holds.
package enum FlushRegistry {
  // One load for the receivers of a process that never coalesces.
  private static let count = Atomic<Int>(0)
  private static let ends = Mutex<[ObjectIdentifier: any CoalescingTransport]>([:])

  /// Whether nobody holds anything back.
  @inline(__always) static var areNone: Bool { count.load(ordering: .acquiring) == 0 }

  package static func register(_ end: any CoalescingTransport) {
    ends.withLock { ends in
      if ends.updateValue(end, forKey: ObjectIdentifier(end)) == nil { count.add(1, ordering: .releasing) }
    }
  }

  package static func remove(_ end: any CoalescingTransport) {
    ends.withLock { ends in
      if ends.removeValue(forKey: ObjectIdentifier(end)) != nil { count.subtract(1, ordering: .releasing) }
    }
  }

  /// Called before a wait. False: some sender's channel is full, so the wait must be short and this called again.
  package static func flushBeforeWaiting() -> Bool {
    if count.load(ordering: .acquiring) == 0 { return true }
    var all = true
    for end in ends.withLock({ Array($0.values) }) where !end.flushWithoutWaiting() { all = false }
    return all
  }

  /// How long a wait may last while some sender still holds messages back.
  package static let slice: UInt64 = 2_000_000

  /// Waits in slices while senders hold messages back, in one go otherwise. `wait` returns nil when its deadline
  /// passed.
  package static func waiting<Result>(
    until deadline: Deadline, _ wait: (Deadline) throws(ChannelError) -> Result?
  ) throws(ChannelError) -> Result? {
    while !flushBeforeWaiting() {
      let slice = Deadline(
        nanoseconds: min(deadline.nanoseconds, Deadline.within(.milliseconds(2)).nanoseconds))
      if let result = try wait(slice) { return result }
      if deadline.hasPassed { return nil }
    }
    return try wait(deadline)
  }
}
