import SystemCalls

/// Waiting for another process where the kernel has nothing to wait on: pauses of 1 ms, then twice as long each time,
/// up to 20 ms.
struct Backoff {
  private static let longest: UInt64 = 20

  private let deadline: Deadline
  private var milliseconds: UInt64 = 1

  init(_ deadline: Deadline) { self.deadline = deadline }

  /// Pauses. Returns false if no time is left.
  mutating func pause() -> Bool {
    if deadline.hasPassed { return false }
    Clock.sleep(nanoseconds: deadline.remaining(atMost: milliseconds * 1_000_000))
    milliseconds = min(milliseconds * 2, Self.longest)
    return true
  }
}
