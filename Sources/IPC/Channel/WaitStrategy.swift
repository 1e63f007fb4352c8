import SystemCalls

/// What a call does while it can't go on.
public enum WaitStrategy: String, Hashable, Sendable, CaseIterable {
  /// Sleeps in the kernel at once. Costs no CPU; a wake-up costs tens of microseconds. Through shared memory a receiver
  /// that keeps up with a stream message by message waits 0.7 µs first, to find many at once.
  case block
  /// Tries again and again until it can. The fastest answer, and a whole CPU for as long as it waits.
  case spin
  /// Tries for 60 µs, a bit more than a wake-up costs, then sleeps. Where three tries in a row didn't help, the next 4
  /// waits sleep at once, then 8, up to 64, until a try helps again. A sleeper costs nothing on descriptors, and wakes 4
  /// to 13 times a second on the rest to look whether the other side lives.
  case adaptive
}

/// Whether an adaptive wait tries before it sleeps. It tries for as long as a wake-up costs, so that at worst a wait
/// costs twice what sleeping at once would have (the ski rental: Karlin, Li, Manasse and Owicki, "Empirical studies of
/// competitive spinning", 1991). After a few times that didn't help it sleeps at once, for longer and longer, and then
/// tries again: a peer that answers at once is found again within a few messages. On a machine of one CPU it never tries:
/// nobody else could run meanwhile.
package struct SpinPolicy {
  /// A bit over what a wake-up of the other side costs, in nanoseconds: a peer that slept can still answer within it.
  static let patience: UInt64 = 60_000
  /// Tries between two looks at the clock.
  static let triesAtOnce = 64
  /// Failures in a row before it stops trying.
  private static let mostFailures = 3
  private static let mostSkipped = 64
  private static let alone = Processes.processorsOnline < 2

  package let strategy: WaitStrategy
  private var failures = 0
  /// Waits that sleep at once before the next that tries, and how many of them are left.
  private var skips = 4
  private var skipped = 0

  package init(_ strategy: WaitStrategy) { self.strategy = strategy }

  /// Tries until it succeeds (true), or it is time to sleep or to give up (false).
  @inline(__always) package mutating func spin(
    until deadline: Deadline, _ attempt: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    try spin(until: deadline) { times throws(ChannelError) in
      for _ in 0..<times {
        if try attempt() { return true }
        CPU.pause()
      }
      return false
    }
  }

  /// The same, of what makes several tries at once: as many as it is told, unless one succeeds.
  package mutating func spin(
    until deadline: Deadline, tries attempts: (_ times: Int) throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    switch strategy {
    case .block: return false
    case .spin:
      repeat {
        if try attempts(Self.triesAtOnce) { return true }
      } while !deadline.hasPassed
      return false
    case .adaptive:
      if Self.alone { return false }
      if skipped > 0 {
        skipped -= 1
        return false
      }
      if try hasHelped(until: deadline, attempts) {
        failures = 0
        skips = 4
        return true
      }
      failures += 1
      if failures >= Self.mostFailures {
        // One try is left for the next time, so that one that fails is enough to stop again.
        failures = Self.mostFailures - 1
        skipped = skips
        skips = min(Self.mostSkipped, skips * 2)
      }
      return false
    }
  }

  private func hasHelped(
    until deadline: Deadline, _ attempts: (Int) throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    // The clock isn't asked before it is likely to say something.
    if try attempts(16) { return true }
    let end = min(Clock.now() &+ Self.patience, deadline.nanoseconds)
    repeat {
      if try attempts(16) { return true }
    } while Clock.now() < end
    return false
  }
}
