import Synchronization
package import SystemCalls

/// Descriptors that other threads have the loop watch: each calls back once, and then no more until it is asked again.
///
/// Callbacks run on the loop's thread. One may still run when ``EventLoop/forget(_:)`` has returned.
final class ExternalWatches: Sendable {
  /// Set in a guest's token, and in no other's.
  static let mark: UInt64 = 1 << 63

  private struct Watch {
    let descriptor: Int32
    let interest: Epoll.Interest
    let callback: @Sendable () -> Void
  }

  private struct State {
    var next: UInt64 = 0
    var watches: [UInt64: Watch] = [:]
  }

  private let state = Mutex(State())

  func add(
    _ descriptor: Int32, _ interest: Epoll.Interest, _ callback: @escaping @Sendable () -> Void
  ) -> UInt64 {
    state.withLock { state in
      state.next += 1
      let token = Self.mark | state.next
      state.watches[token] = Watch(descriptor: descriptor, interest: interest, callback: callback)
      return token
    }
  }

  func remove(_ token: UInt64) -> Int32? {
    state.withLock { $0.watches.removeValue(forKey: token)?.descriptor }
  }

  func find(_ token: UInt64) -> (descriptor: Int32, interest: Epoll.Interest)? {
    state.withLock { state in state.watches[token].map { ($0.descriptor, $0.interest) } }
  }

  func call(_ token: UInt64) {
    // Not under the lock: it may well ask for something here.
    let callback = state.withLock { $0.watches[token]?.callback }
    callback?()
  }
}

extension EventLoop {
  /// Calls back once when the descriptor is ready or hung up; ``again(_:)`` asks once more. From any thread. Each
  /// descriptor once: epoll(7) knows it by its number.
  package func watchOnce(
    _ descriptor: Int32, _ interest: Epoll.Interest, _ callback: @escaping @Sendable () -> Void
  ) throws(SystemError) -> UInt64 {
    let token = externalWatches.add(descriptor, interest, callback)
    do throws(SystemError) {
      try epoll.add(descriptor, interest.union(.once), token: token)
    } catch {
      _ = externalWatches.remove(token)
      throw error
    }
    return token
  }

  /// Asks once more. From any thread.
  package func rearm(_ token: UInt64) throws(SystemError) {
    guard let (descriptor, interest) = externalWatches.find(token) else { return }
    try epoll.change(descriptor, interest.union(.once), token: token)
  }

  /// No more callbacks but one that runs now. Before the descriptor is closed.
  package func unwatch(_ token: UInt64) {
    if let descriptor = externalWatches.remove(token) { epoll.remove(descriptor) }
  }
}
