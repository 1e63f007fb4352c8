import SystemCalls

/// A channel's lock. Selects take those of several channels, in their order.
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

  /// No two are the same.
  var order: UInt { lock.order }
}
