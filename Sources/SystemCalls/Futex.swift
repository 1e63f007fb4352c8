import CSystem
import Glibc

/// futex(2) on a word that processes share.
package enum Futex {
  /// Sleeps while the word is `expected`, at most `nanoseconds`. Returns on a wake, a change, a signal or the time.
  package static func wait(_ word: UnsafePointer<UInt32>, while expected: UInt32, nanoseconds: UInt64?) {
    _ = unsafe csystem_futex_wait(word, expected, nanoseconds.map { Int64(clamping: $0) } ?? -1)
  }

  package static func wake(_ word: UnsafePointer<UInt32>, count: Int32) {
    _ = unsafe csystem_futex_wake(word, count)
  }

  /// Tells the core that this is a spin.
  @inline(__always) package static func pause() { csystem_pause() }
}
