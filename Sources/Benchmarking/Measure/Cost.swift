import Synchronization

/// What all processes of a measurement used for so many messages.
package struct Cost: Sendable {
  package var messages: UInt64 = 0
  package var userNanoseconds: UInt64 = 0
  package var systemNanoseconds: UInt64 = 0
  package var voluntarySwitches = 0
  package var involuntarySwitches = 0

  package init() {}

  mutating func add(_ reply: PartReply) {
    userNanoseconds += reply.user
    systemNanoseconds += reply.system
    voluntarySwitches += reply.voluntary
    involuntarySwitches += reply.involuntary
  }

  mutating func add(_ other: Cost) {
    messages += other.messages
    userNanoseconds += other.userNanoseconds
    systemNanoseconds += other.systemNanoseconds
    voluntarySwitches += other.voluntarySwitches
    involuntarySwitches += other.involuntarySwitches
  }
}

/// Lets a benchmark be interrupted, and says how long it waits for an answer.
package final class BenchmarkWatch: Sendable {
  private let interrupted = Atomic<Bool>(false)
  /// Nanoseconds.
  package let patience: UInt64

  package init(patience: UInt64 = 30_000_000_000) { self.patience = patience }

  package func interrupt() { interrupted.store(true, ordering: .releasing) }
  package var isInterrupted: Bool { interrupted.load(ordering: .acquiring) }
}
