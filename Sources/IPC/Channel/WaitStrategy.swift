/// What a call does while it waits.
public enum WaitStrategy: String, Hashable, Sendable, CaseIterable {
  /// Sleeps in the kernel at once. Costs no CPU; a wake-up costs tens of microseconds. Through shared memory a receiver
  /// that keeps up with a stream message by message first waits 0.7 µs, to find several at once.
  case block
  /// Tries again and again. The shortest latency, and a whole CPU for as long as it waits.
  case spin
  /// Tries for 60 µs, a bit more than a wake-up costs, then sleeps. After three tries in a row without success the next 4
  /// waits sleep at once, then 8, up to 64, until a try succeeds again. A sleeping call costs nothing on descriptors;
  /// on queues, semaphores and shared memory it wakes 4 to 13 times a second to see whether the peer is alive.
  case adaptive
}
