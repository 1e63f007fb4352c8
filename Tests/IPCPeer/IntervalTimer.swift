import Glibc

/// A timer whose signals interrupt the calls of this process's first thread: setitimer(2), SIGALRM.
enum IntervalTimer {
  /// - Parameter restarts: whether the handler has SA_RESTART. The kernel restarts some calls then, and others never.
  static func start(microseconds: Int, restarts: Bool) -> String {
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in }
    action.sa_flags = restarts ? SA_RESTART : 0
    unsafe sigaction(SIGALRM, &action, nil)
    let interval = timeval(tv_sec: 0, tv_usec: microseconds)
    var timer = itimerval(it_interval: interval, it_value: interval)
    return unsafe setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil) == 0
      ? "ok" : "error \(errno)"
  }
}
