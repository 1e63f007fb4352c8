package import SystemCalls

/// Sleeping until another process has done something, on a word of shared memory and futex(2). The lowest bit says
/// that somebody may sleep; the rest counts the rings, so that a ring between a sleeper's last look and its sleep
/// isn't lost, however many others set the bit meanwhile. Nobody pays a system call while nobody sleeps, and a
/// sleeper that was killed costs the next ringer one.
package struct EventCount: Sendable {
  /// A sleeper looks again this often by itself: a process killed between its news and the ring can't leave it
  /// asleep.
  private static let slice: UInt64 = 250_000_000

  private let word: SharedWord
  private let slice: UInt64

  package init(_ word: SharedWord) {
    self.word = word
    slice = Self.slice
  }

  /// Between threads of one process nobody is killed alone: a sleeper needn't look by itself.
  fileprivate init(local word: SharedWord) {
    self.word = word
    slice = .max
  }

  /// Wakes who sleeps. Call it after the news can be seen.
  @inline(__always) package func notify() {
    sharedMemoryFence()
    if word.relaxed() & 1 != 0 { wake() }
  }

  /// The same towards a sleeper that passes the barrier for both (``MemoryBarrier``): costs a load.
  @inline(__always) package func notifyWithoutBarrier() {
    MemoryBarrier.compilerOnly()
    if word.relaxed() & 1 != 0 { wake() }
  }

  @inline(never) package func wake() {
    while true {
      let value = word.load()
      if word.compareExchange(value, (value & ~1) &+ 2) {
        if value & 1 != 0 { word.futexWake() }
        return
      }
    }
  }

  /// Sleeps until `ready` says so (true), or the deadline passes (false).
  package func wait(
    until deadline: Deadline, _ ready: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    try wait(until: deadline, isAlone: false, ready)
  }

  /// The same where nobody else ever sleeps here: one that needn't sleep after all takes its bit back, and spares the
  /// other side a system call that would wake nobody. It passes the barrier for both sides, so that the other may use
  /// ``notifyWithoutBarrier()``.
  package func waitAlone(
    until deadline: Deadline, _ ready: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    try wait(until: deadline, isAlone: true, ready)
  }

  @inline(__always) private func wait(
    until deadline: Deadline, isAlone: Bool, _ ready: () throws(ChannelError) -> Bool
  ) throws(ChannelError) -> Bool {
    while true {
      let value = word.load()
      guard value & 1 != 0 || word.compareExchange(value, value | 1) else { continue }
      // Where a process has lost the right to it since, a ring may be missed: the slice bounds that.
      if isAlone, MemoryBarrier.isAvailable { _ = MemoryBarrier.everywhere() }
      if try ready() {
        if isAlone { _ = word.compareExchange(value | 1, value & ~1) }
        return true
      }
      if deadline.hasPassed { return false }
      word.futexWait(while: value | 1, nanoseconds: deadline.remaining(atMost: slice))
      // Woken by news, most likely: nothing has to be said before they are looked at.
      if try ready() { return true }
    }
  }
}

/// A doorbell between the threads of this process.
@safe package final class LocalEventCount: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer
  package let bell: EventCount

  package init() {
    unsafe memory = .allocate(byteCount: 64, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    bell = unsafe EventCount(local: SharedWord(memory, at: 0))
  }

  deinit { unsafe memory.deallocate() }
}
