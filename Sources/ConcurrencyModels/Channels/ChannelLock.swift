import SystemCalls

/// The lock of a channel. A select acquires those of all its channels, in ascending order, so that two selects
/// can't deadlock.
@usableFromInline final class ChannelLock: Sendable {
  private let lock = Lock()

  @usableFromInline init() {}

  @usableFromInline func acquire() { lock.acquire() }
  @usableFromInline func release() { lock.release() }

  @inlinable func with<Result>(_ body: () -> Result) -> Result {
    acquire()
    defer { release() }
    return body()
  }

  /// The place in the order in which several locks are acquired. No two locks have the same.
  var order: UInt { lock.order }
}
