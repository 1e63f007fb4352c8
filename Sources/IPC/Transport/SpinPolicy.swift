import SystemCalls

/// How long a call spins before it sleeps.
///
/// An adaptive wait spins for about as long as a wake-up costs, so that at worst a wait costs twice what sleeping at
/// once would have cost (the ski rental problem: Karlin, Li, Manasse and Owicki, "Empirical studies of competitive
/// spinning", 1991). After a few spins that didn't help it sleeps at once, for more and more waits, and then spins
/// again: it finds a peer that answers at once again within a few messages. On a machine of one CPU it never spins: no
/// other process could run meanwhile.
struct SpinPolicy {
  /// In nanoseconds, a bit more than a wake-up costs: a peer that slept can still answer within it.
  static let duration: UInt64 = 60_000
  /// Tries between two looks at the clock.
  static let triesAtOnce = 64
  /// Spins in a row that don't help before waits sleep at once.
  private static let maximumFailures = 3
  private static let maximumSkipped = 64
  private static let isOneCPU = Processes.processorsOnline < 2

  let strategy: WaitStrategy
  private var failures = 0
  /// Waits that sleep at once before the next that spins, and how many of them are left.
  private var skips = 4
  private var skipped = 0

  init(_ strategy: WaitStrategy) { self.strategy = strategy }

  /// Tries until an attempt succeeds (true), or it is time to sleep or to give up (false).
  @inline(__always) mutating func spin(
    until deadline: Deadline, _ attempt: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    try spin(until: deadline) { tries throws(ChannelError) in
      for _ in 0..<tries {
        if try attempt() { return true }
        CPU.pause()
      }
      return false
    }
  }

  /// The same, where `attempts` makes several tries at once, until one succeeds.
  mutating func spin(
    until deadline: Deadline, tries attempts: (_ tries: Int) throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    switch strategy {
    case .block: return false
    case .spin:
      repeat {
        if try attempts(Self.triesAtOnce) { return true }
      } while !deadline.hasPassed
      return false
    case .adaptive:
      if Self.isOneCPU { return false }
      if skipped > 0 {
        skipped -= 1
        return false
      }
      if try spinOnce(until: deadline, attempts) {
        failures = 0
        skips = 4
        return true
      }
      failures += 1
      if failures >= Self.maximumFailures {
        // One more failure is enough the next time.
        failures = Self.maximumFailures - 1
        skipped = skips
        skips = min(Self.maximumSkipped, skips * 2)
      }
      return false
    }
  }

  private func spinOnce(
    until deadline: Deadline, _ attempts: (Int) throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    // Try before the first look at the clock.
    if try attempts(16) { return true }
    let end = min(Clock.now() &+ Self.duration, deadline.nanoseconds)
    repeat {
      if try attempts(16) { return true }
    } while Clock.now() < end
    return false
  }
}
