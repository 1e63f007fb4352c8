import Glibc

/// Monotonic time, in nanoseconds: the same clock in every process of the machine.
package enum Clock {
  /// CLOCK_MONOTONIC. clock_gettime(2).
  package static func now() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// CLOCK_REALTIME, for the calls that take no other (mq_timedsend, mq_timedreceive).
  package static func realtime() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// nanosleep(2). A signal ends it early.
  package static func sleep(nanoseconds: UInt64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    _ = unsafe nanosleep(&time, nil)
  }
}
