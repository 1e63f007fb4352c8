import Synchronization
import SystemCalls

/// The one thread of a process that notices the death of peers on mechanisms that don't report it themselves (a queue,
/// a semaphore, shared memory). It sleeps in epoll_wait(2) until the kernel hangs up a liveness pipe, and costs nothing
/// meanwhile. The first liveness pipe starts it.
final class PeerMonitor: Sendable {
  private struct State {
    var next: UInt64 = 1
    var watched: [UInt64: @Sendable () -> Void] = [:]
  }

  private let epoll: Epoll
  // Held while a callback runs: after unwatch() returns, none runs any more.
  private let state = Mutex(State())

  private static let shared: Result<PeerMonitor, SystemError> = {
    do throws(SystemError) {
      let monitor = try PeerMonitor()
      try Threads.start(name: "ipc-liveness") { monitor.run() }
      return .success(monitor)
    } catch {
      return .failure(error)
    }
  }()

  private init() throws(SystemError) { epoll = try Epoll() }

  /// Calls `gone` once, on the monitor's thread, when the descriptor hangs up.
  static func watch(_ descriptor: Int32, _ gone: @escaping @Sendable () -> Void) throws(SystemError) -> UInt64
  {
    let monitor = try shared.get()
    let token = monitor.state.withLock { state in
      let token = state.next
      state.next += 1
      state.watched[token] = gone
      return token
    }
    try monitor.epoll.add(descriptor, [.hangUp, .once], token: token)
    return token
  }

  static func unwatch(_ descriptor: Int32, _ token: UInt64) {
    guard let monitor = try? shared.get() else { return }
    monitor.epoll.remove(descriptor)
    monitor.state.withLock { _ = $0.watched.removeValue(forKey: token) }
  }

  private func run() {
    while true {
      guard let events = try? epoll.wait(milliseconds: nil) else { return }
      for event in events {
        state.withLock { state in
          guard let gone = state.watched.removeValue(forKey: event.token) else { return }
          gone()
        }
      }
    }
  }
}
