import Glibc

/// Monotonic time, in nanoseconds: the same clock in every process of the machine.
package enum Clock {
  /// CLOCK_MONOTONIC. clock_gettime(2).
  package static func now() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// CLOCK_REALTIME, for the times that the kernel records. Never for a deadline: the wall clock can be set.
  package static func realtime() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// The CPU time that the calling thread has used: CLOCK_THREAD_CPUTIME_ID.
  package static func cpuOfThread() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

  /// The CPU time that all threads of this process have used, also those that have ended: CLOCK_PROCESS_CPUTIME_ID.
  package static func cpuOfProcess() -> UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// clock_nanosleep(2) until an instant: signals neither end it nor stretch it.
  package static func sleep(nanoseconds: UInt64) {
    let end = now() &+ min(nanoseconds, .max / 4)
    var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
    while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}
