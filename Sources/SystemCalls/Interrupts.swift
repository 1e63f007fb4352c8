import Glibc
import Synchronization

/// SIGINT, SIGTERM, SIGHUP and SIGQUIT on a thread of their own, where everything may be called: sigwait(3).
package enum Interrupts {
  private static let handler = Locked<(@Sendable (Int32) -> Void)?>(nil)

  /// Without SIGHUP where the process began with it ignored: nohup(1) wants it to go on.
  private static let numbers: [Int32] = {
    var hangUp = sigaction()
    let isKnown = unsafe sigaction(SIGHUP, nil, &hangUp) == 0
    let handler = unsafe unsafeBitCast(hangUp.__sigaction_handler.sa_handler, to: Int.self)
    return [SIGINT, SIGTERM, SIGQUIT] + (isKnown && handler == 1 ? [] : [SIGHUP])
  }()

  private static func signals() -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in numbers { unsafe sigaddset(&set, signal) }
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
    do throws(SystemError) {
      try Threads.start(name: "ipc-interrupts") {
        var set = signals()
        var signal: Int32 = 0
        while unsafe sigwait(&set, &signal) == 0 {
          // Under the lock: a call that sets another handler waits until this one has returned.
          handler.withLock { $0?(signal) }
        }
      }
    } catch {
      // The signals keep the action that they had.
      handler.withLock { $0 = nil }
      unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
      throw error
    }
  }
}
