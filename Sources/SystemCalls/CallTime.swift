import CSystem
import Glibc
import Synchronization

/// The CPU time that this process spends in system calls, timed at the gate. Off until ``start()``: then each call costs
/// two readings of the thread's clock more, which ``Reading`` doesn't count.
///
/// The kernel's own division into user and system time (getrusage(2)) may go by ticks of milliseconds; the thread's clock
/// (CLOCK_THREAD_CPUTIME_ID) counts nanoseconds, and stands still while a call sleeps.
package enum CallTime {
  /// What was counted since ``start()``.
  package struct Reading: Sendable, Hashable {
    package var calls: UInt64 = 0
    /// CPU time within calls.
    package var nanoseconds: UInt64 = 0
    /// CPU time of the timing itself, outside the calls.
    package var timing: UInt64 = 0

    package init() {}

    package func since(_ start: Reading) -> Reading {
      var result = Reading()
      result.calls = calls &- start.calls
      result.nanoseconds = nanoseconds > start.nanoseconds ? nanoseconds - start.nanoseconds : 0
      result.timing = timing &- start.timing
      return result
    }
  }

  private static let calls = Atomic<UInt64>(0)
  private static let nanoseconds = Atomic<UInt64>(0)
  /// What a pair of readings counts of itself, and what it costs beyond that.
  private static let within = Atomic<UInt64>(0)
  private static let beyond = Atomic<UInt64>(0)

  /// Times every call from now on, of all threads of this process.
  package static func start() {
    let pairs: UInt64 = 2000
    var counted: UInt64 = 0
    let start = threadTime()
    for _ in 0..<pairs {
      let first = threadTime()
      counted &+= threadTime() &- first
    }
    let whole = threadTime() &- start
    within.store(counted / pairs, ordering: .relaxed)
    beyond.store(whole > counted ? (whole - counted) / pairs : 0, ordering: .relaxed)
    csystem_hooks_set(CSYSTEM_HOOK_CALL_TIME, true)
  }

  /// Times no further call. What was counted stays.
  package static func stop() { csystem_hooks_set(CSYSTEM_HOOK_CALL_TIME, false) }

  package static var reading: Reading {
    var result = Reading()
    result.calls = calls.load(ordering: .relaxed)
    let gross = nanoseconds.load(ordering: .relaxed)
    let own = result.calls &* within.load(ordering: .relaxed)
    result.nanoseconds = gross > own ? gross - own : 0
    // The part of the clock that was taken from the calls is the timing's, too.
    result.timing = result.calls &* beyond.load(ordering: .relaxed) &+ min(own, gross)
    return result
  }

  /// When a call begins; nil where calls aren't timed.
  @inline(__always) static func begin(_ hooks: UInt32) -> UInt64? {
    hooks & CSYSTEM_HOOK_CALL_TIME != 0 ? threadTime() : nil
  }

  /// A call has ended.
  @inline(never) static func end(_ begun: UInt64) {
    let took = threadTime() &- begun
    calls.add(1, ordering: .relaxed)
    nanoseconds.add(took, ordering: .relaxed)
  }

  /// CLOCK_THREAD_CPUTIME_ID. clock_gettime(2).
  @inline(never) private static func threadTime() -> UInt64 { Clock.cpuOfThread() }
}
