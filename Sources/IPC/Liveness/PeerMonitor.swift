import Synchronization
import SystemCalls

/// The one thread of a process that notices the death of peers on mechanisms that don't report it themselves (a queue,
/// a semaphore, shared memory), and of the children of a worker pool. It sleeps in epoll_wait(2) until the kernel hangs up a
/// liveness pipe, and costs nothing meanwhile. The first liveness pipe starts it.
final class PeerMonitor: Sendable {
  private struct Watch {
    let gone: @Sendable () -> Void
    let endsProcess: Bool
  }

  private struct State {
    var next: UInt64 = 1
    var watched: [UInt64: Watch] = [:]
  }

  private let epoll: Epoll
  // Held while a callback runs, but for one that ends the process: after unwatch() returns, none runs any more.
  private let state = Locked(State())

  private static let shared = Locked<PeerMonitor?>(nil)

  /// The monitor, which the first call starts. One that fails, for want of a descriptor, leaves it to the next.
  private static func started() throws(SystemError) -> PeerMonitor {
    try shared.withLock { shared throws(SystemError) in
      if let shared { return shared }
      let monitor = try PeerMonitor()
      try Threads.start(name: "ipc-liveness") { monitor.run() }
      shared = monitor
      return monitor
    }
  }

  private init() throws(SystemError) { epoll = try Epoll() }

  /// Calls `gone` once, on the monitor's thread, when the descriptor hangs up, or, of a pipe's write end, when it has no
  /// reader any more.
  ///
  /// - Parameter endsProcess: whether the call ends the process. It may wait for threads that open endpoints, which watch, or
  ///   close them.
  static func watch(
    _ descriptor: Int32, endsProcess: Bool = false, _ gone: @escaping @Sendable () -> Void
  ) throws(SystemError) -> UInt64 {
    let monitor = try started()
    let token = monitor.state.withLock { state in
      let token = state.next
      state.next += 1
      state.watched[token] = Watch(gone: gone, endsProcess: endsProcess)
      return token
    }
    do throws(SystemError) {
      try monitor.epoll.add(descriptor, [.hangUp, .once], token: token)
    } catch {
      monitor.state.withLock { _ = $0.watched.removeValue(forKey: token) }
      throw error
    }
    return token
  }

  static func unwatch(_ descriptor: Int32, _ token: UInt64) {
    guard let monitor = shared.withLock({ $0 }) else { return }
    monitor.epoll.remove(descriptor)
    monitor.state.withLock { _ = $0.watched.removeValue(forKey: token) }
  }

  private func run() {
    while true {
      guard let events = try? epoll.wait(milliseconds: nil) else { return }
      for event in events {
        let last = state.withLock { state -> Watch? in
          guard let watch = state.watched.removeValue(forKey: event.token) else { return nil }
          if watch.endsProcess { return watch }
          watch.gone()
          return nil
        }
        last?.gone()
      }
    }
  }
}
