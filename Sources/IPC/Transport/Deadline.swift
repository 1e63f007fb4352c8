import SystemCalls

/// The instant after which a call gives up, having changed nothing. On the monotonic clock, which all processes of the
/// machine share.
@usableFromInline package struct Deadline: Hashable, Comparable, Sendable {
  /// CLOCK_MONOTONIC, in nanoseconds.
  @usableFromInline package let nanoseconds: UInt64

  @inlinable package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// The call doesn't wait.
  @inlinable package static var now: Deadline { Deadline(nanoseconds: 0) }
  /// The call waits without a limit.
  @inlinable package static var never: Deadline { Deadline(nanoseconds: .max) }

  /// A duration from now. Zero or less is ``now``; more than 292 years is ``never``.
  @usableFromInline package static func within(_ duration: Duration) -> Deadline {
    let parts = duration.components
    if parts.seconds < 0 || (parts.seconds == 0 && parts.attoseconds <= 0) { return .now }
    guard parts.seconds < 9_000_000_000 else { return .never }
    return Deadline(
      nanoseconds: Clock.now() + UInt64(parts.seconds) * 1_000_000_000
        + UInt64(parts.attoseconds / 1_000_000_000))
  }

  @usableFromInline package static func < (one: Deadline, other: Deadline) -> Bool {
    one.nanoseconds < other.nanoseconds
  }

  package var isNow: Bool { nanoseconds == 0 }
  package var isNever: Bool { nanoseconds == .max }
  package var hasPassed: Bool { nanoseconds == 0 || (nanoseconds != .max && Clock.now() >= nanoseconds) }

  /// The time left, for a system call; nil: no limit.
  package var remaining: UInt64? {
    if isNever { return nil }
    let now = Clock.now()
    return nanoseconds > now ? nanoseconds - now : 0
  }

  /// The time left, but at most `slice` nanoseconds.
  func remaining(atMost slice: UInt64) -> UInt64 { min(remaining ?? slice, slice) }
}
