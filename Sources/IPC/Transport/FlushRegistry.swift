import Synchronization
import SystemCalls

/// A sender that batches messages.
protocol CoalescingTransport: AnyObject, Sendable {
  /// Writes what it can without waiting. Returns true if its buffer is empty, or the channel is closed, which the
  /// owner's next call reports.
  func flushWithoutWaiting() -> Bool
}

/// The senders of this process whose buffers hold messages. They are flushed before any receiver of the process waits:
/// otherwise two processes could each wait for what the other still holds.
package enum FlushRegistry {
  // A process that never batches pays for one load.
  private static let count = Atomic<Int>(0)
  private static let senders = Locked<[ObjectIdentifier: any CoalescingTransport]>([:])

  /// Whether no sender holds messages.
  @inline(__always) static var isEmpty: Bool { count.load(ordering: .acquiring) == 0 }

  static func register(_ sender: any CoalescingTransport) {
    senders.withLock { senders in
      if senders.updateValue(sender, forKey: ObjectIdentifier(sender)) == nil {
        count.add(1, ordering: .releasing)
      }
    }
  }

  static func remove(_ sender: any CoalescingTransport) {
    senders.withLock { senders in
      if senders.removeValue(forKey: ObjectIdentifier(sender)) != nil {
        count.subtract(1, ordering: .releasing)
      }
    }
  }

  /// Flushes every sender. Call it before a wait.
  /// - Returns: false if some sender's channel is full: the wait must then be short, and this called again.
  package static func flushBeforeWaiting() -> Bool {
    if count.load(ordering: .acquiring) == 0 { return true }
    var all = true
    for sender in senders.withLock({ Array($0.values) }) where !sender.flushWithoutWaiting() { all = false }
    return all
  }

  /// How long a wait may last while some sender still holds messages, in nanoseconds.
  static let slice: UInt64 = 2_000_000

  /// Waits in slices while senders hold messages, in one go otherwise. `wait` returns nil if its deadline passes.
  static func waiting<Result>(
    until deadline: Deadline, _ wait: (Deadline) throws(ChannelError) -> Result?
  ) throws(ChannelError) -> Result? {
    while !flushBeforeWaiting() {
      let slice = Deadline.within(.nanoseconds(Self.slice))
      if let result = try wait(min(deadline, slice)) { return result }
      if deadline.hasPassed { return nil }
    }
    return try wait(deadline)
  }
}
