import Synchronization

/// Interrupts a benchmark, from any thread, and sets how long it waits for a reply.
package final class BenchmarkControl: Sendable {
  private let interrupted = Atomic<Bool>(false)
  /// How long a process may take to reply, in nanoseconds, beyond what it is planned to take.
  package let replyTimeout: UInt64

  package init(replyTimeout: UInt64 = 30_000_000_000) { self.replyTimeout = replyTimeout }

  package func interrupt() { interrupted.store(true, ordering: .releasing) }
  package var isInterrupted: Bool { interrupted.load(ordering: .acquiring) }
}
