import Synchronization
package import SystemCalls

/// Descriptors that other threads ask an ``EventLoop`` to watch. Each watch calls back once, and again only after
/// it is rearmed.
///
/// Callbacks run on the loop's thread. One may still be running when ``EventLoop/unwatch(_:)`` returns.
final class ExternalWatches: Sendable {
  /// The bit that is set in the token of each external watch, and in no other token.
  static let tokenBit: UInt64 = 1 << 63

  private struct Watch {
    let descriptor: Int32
    let events: DescriptorEvents
    let callback: @Sendable () -> Void
  }

  private struct State {
    var next: UInt64 = 0
    var watches: [UInt64: Watch] = [:]
  }

  private let state = Locked(State())

  func add(
    _ descriptor: Int32, _ events: DescriptorEvents, _ callback: @escaping @Sendable () -> Void
  ) -> UInt64 {
    state.withLock { state in
      state.next += 1
      let token = Self.tokenBit | state.next
      state.watches[token] = Watch(descriptor: descriptor, events: events, callback: callback)
      return token
    }
  }

  /// - Returns: the descriptor; nil when the watch was removed before.
  func remove(_ token: UInt64) -> Int32? {
    state.withLock { $0.watches.removeValue(forKey: token)?.descriptor }
  }

  func find(_ token: UInt64) -> (descriptor: Int32, events: DescriptorEvents)? {
    state.withLock { state in state.watches[token].map { ($0.descriptor, $0.events) } }
  }

  func call(_ token: UInt64) {
    // Not under the lock: the callback may add, rearm or remove a watch.
    let callback = state.withLock { $0.watches[token]?.callback }
    callback?()
  }
}

extension EventLoop {
  /// Calls back once when the descriptor is ready or hung up; ``rearm(_:)`` asks for one more callback. May be
  /// called from any thread. System call: epoll_ctl(2), EPOLLONESHOT.
  /// - Throws: EEXIST when the loop watches the descriptor already: epoll(7) knows it by its number.
  package func watchOnce(
    _ descriptor: Int32, _ events: DescriptorEvents, _ callback: @escaping @Sendable () -> Void
  ) throws(SystemError) -> UInt64 {
    let token = externalWatches.add(descriptor, events, callback)
    do throws(SystemError) {
      try epoll.add(descriptor, events.epoll.union(.once), token: token)
    } catch {
      _ = externalWatches.remove(token)
      throw error
    }
    return token
  }

  /// Asks for one more callback. May be called from any thread.
  package func rearm(_ token: UInt64) throws(SystemError) {
    guard let (descriptor, events) = externalWatches.find(token) else { return }
    try epoll.change(descriptor, events.epoll.union(.once), token: token)
  }

  /// Ends the callbacks, but for one that is running now. Call it before the descriptor is closed. May be called
  /// from any thread.
  package func unwatch(_ token: UInt64) {
    if let descriptor = externalWatches.remove(token) { epoll.remove(descriptor) }
  }
}
