import SystemCalls

/// A word of shared memory on which a process sleeps until another process has done something: futex(2).
///
/// The lowest bit says that a process may sleep; the other bits count the notifications. A notification between a
/// sleeper's last look and its sleep changes the word, so that the sleep ends at once. While no process sleeps, a
/// notification makes no system call; a sleeper that was killed costs the next notification one.
package struct EventCount: Sendable {
  /// A sleeper looks again this often by itself: a process killed between its change and its notification can't leave
  /// it asleep.
  private static let slice: UInt64 = 250_000_000
  private static let sleeperBit: UInt32 = 1

  private let word: SharedWord
  private let slice: UInt64

  /// - Parameter slice: how often a sleeper looks by itself, in nanoseconds.
  init(_ word: SharedWord, slice: UInt64 = Self.slice) {
    self.word = word
    self.slice = slice
  }

  /// Between threads of one process none is killed alone: a sleeper doesn't look by itself.
  fileprivate init(local word: SharedWord) {
    self.word = word
    slice = .max
  }

  /// Wakes the sleepers. Call it when the change is visible.
  @inline(__always) package func notify() {
    sharedMemoryFence()
    if word.relaxed() & Self.sleeperBit != 0 { wake() }
  }

  /// The same towards a sleeper that calls membarrier(2) for both (``MemoryBarrier``): costs a load.
  @inline(__always) func notifyWithoutBarrier() {
    MemoryBarrier.compilerOnly()
    if word.relaxed() & Self.sleeperBit != 0 { wake() }
  }

  @inline(never) package func wake() {
    while true {
      let value = word.load()
      if word.compareExchange(value, (value & ~Self.sleeperBit) &+ 2) {
        if value & Self.sleeperBit != 0 { word.futexWake() }
        return
      }
    }
  }

  /// Sleeps until `ready` returns true; returns false if the deadline passes.
  package func wait(
    until deadline: Deadline, _ ready: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    try wait(until: deadline, isAlone: false, ready)
  }

  /// The same where no other process or thread ever sleeps on this word: a caller that doesn't sleep after all clears
  /// the bit again, which spares the other process a system call that wakes nothing. It calls membarrier(2) for both,
  /// so that the other process may use ``notifyWithoutBarrier()``.
  func waitAlone(
    until deadline: Deadline, _ ready: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    try wait(until: deadline, isAlone: true, ready)
  }

  @inline(__always) private func wait(
    until deadline: Deadline, isAlone: Bool, _ ready: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    while true {
      let value = word.load()
      guard value & Self.sleeperBit != 0 || word.compareExchange(value, value | Self.sleeperBit) else {
        continue
      }
      // A process that has lost the right to membarrier(2) since may miss a notification: the slice bounds that.
      if isAlone, MemoryBarrier.isAvailable { _ = MemoryBarrier.everywhere() }
      if try ready() {
        if isAlone { _ = word.compareExchange(value | Self.sleeperBit, value & ~Self.sleeperBit) }
        return true
      }
      if deadline.hasPassed { return false }
      word.futexWait(while: value | Self.sleeperBit, nanoseconds: deadline.remaining(atMost: slice))
      // Woken by a notification, most likely: look before the next compare-exchange.
      if try ready() { return true }
    }
  }
}

/// An event count between the threads of this process.
@safe package final class LocalEventCount: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer
  package let eventCount: EventCount

  package init() {
    unsafe memory = .allocate(byteCount: 64, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    eventCount = unsafe EventCount(local: SharedWord(memory, at: 0))
  }

  deinit { unsafe memory.deallocate() }
}
