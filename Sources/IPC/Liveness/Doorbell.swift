package import SystemCalls

/// Sleeping until another process has done something, on a word of shared memory and futex(2). Whoever waits sets
/// the word; whoever has news clears it and wakes all who sleep. Nobody pays a system call while nobody sleeps,
/// and a sleeper that was killed costs the next ringer one.
package struct Doorbell: Sendable {
  /// A sleeper looks again this often by itself: a process killed between its news and the ring can't leave it
  /// asleep.
  private static let slice: UInt64 = 100_000_000

  private let word: SharedWord

  package init(_ word: SharedWord) { self.word = word }

  /// Wakes who sleeps. Call it after the news can be seen.
  @inline(__always) package func ring() {
    sharedMemoryFence()
    if word.relaxed() != 0 { wake() }
  }

  @inline(never) package func wake() {
    if word.exchange(0) != 0 { word.wakeAll() }
  }

  /// Sleeps until `ready` says so (true), or the deadline passes (false).
  package func wait(
    until deadline: Deadline, _ ready: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    while true {
      word.store(1)
      if try ready() { return true }
      if deadline.hasPassed { return false }
      word.sleep(while: 1, nanoseconds: deadline.remaining(atMost: Self.slice))
    }
  }
}
