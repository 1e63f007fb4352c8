import Glibc
import Synchronization

/// SIGINT, SIGTERM and SIGHUP on a thread of their own, where everything may be called: sigwait(3).
package enum Interrupts {
  private static let handler = Mutex<(@Sendable (Int32) -> Void)?>(nil)

  private static func signals() -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&set, signal) }
    return set
  }

  /// Calls `body` for each signal from now on, instead of ending the process. Call it before other threads start:
  /// they inherit that the signals are blocked.
  package static func handle(_ body: @escaping @Sendable (Int32) -> Void) throws(SystemError) {
    let isFirst = handler.withLock { handler in
      defer { handler = body }
      return handler == nil
    }
    guard isFirst else { return }
    var set = signals()
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    try Threads.start(name: "ipc-interrupts") {
      var set = signals()
      var signal: Int32 = 0
      while unsafe sigwait(&set, &signal) == 0 { handler.withLock { $0 }?(signal) }
    }
  }
}
