import SystemCalls

/// What a call does while it can't go on.
public enum WaitStrategy: String, Hashable, Sendable, CaseIterable {
  /// Sleeps in the kernel at once. Costs no CPU; a wake-up costs tens of microseconds.
  case block
  /// Tries again and again until it can. The fastest answer, and a whole CPU for as long as it waits.
  case spin
  /// Tries for a few microseconds, then sleeps. How long it tries follows how often trying helped. A sleeper costs
  /// nothing on descriptors, and wakes 10 to 20 times a second on the rest to look whether the other side lives.
  case adaptive
}

/// How long an adaptive wait tries before it sleeps: twice as long after a try that helped, half as long after
/// one that didn't, the longest once in a while so that it finds its way back. One process alone on one CPU never
/// tries: nobody else could run meanwhile.
package struct Spinner {
  /// About what a wake-up costs: spinning longer than that can't pay.
  static let longest: UInt64 = 40_000
  static let shortest: UInt64 = 500
  private static let alone = Processes.processors < 2

  package let strategy: WaitStrategy
  private var budget = longest
  private var waits = 0

  package init(_ strategy: WaitStrategy) { self.strategy = strategy }

  /// Tries until it succeeds (true), or it is time to sleep or to give up (false).
  package mutating func spin(
    until deadline: Deadline, _ attempt: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    switch strategy {
    case .block: return false
    case .spin:
      while true {
        for _ in 0..<64 {
          if try attempt() { return true }
          Futex.pause()
        }
        if deadline.hasPassed { return false }
      }
    case .adaptive:
      if Self.alone { return false }
      waits &+= 1
      let start = Clock.now()
      let end = min(start + (waits & 31 == 0 ? Self.longest : budget), deadline.nanoseconds)
      repeat {
        for _ in 0..<8 {
          if try attempt() {
            budget = min(Self.longest, budget * 2)
            return true
          }
          Futex.pause()
        }
      } while Clock.now() < end
      budget = max(Self.shortest, budget / 2)
      return false
    }
  }
}
