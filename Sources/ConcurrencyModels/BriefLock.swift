public import Synchronization
import SystemCalls

/// A lock that is held for a few instructions only, of a channel or of a queue of jobs. Free, it costs one atomic
/// operation to acquire and one to release; a thread that finds it held tries some more and then sleeps in futex(2).
///
/// A select acquires the locks of all its channels, in ascending order, so that two selects can't deadlock.
@usableFromInline @safe final class BriefLock: @unchecked Sendable {
  @inlinable static var free: UInt32 { 0 }
  @inlinable static var held: UInt32 { 1 }
  /// Held, and a thread may sleep until it is free.
  @inlinable static var awaited: UInt32 { 2 }

  /// How often a thread tries again before it sleeps: longer than the lock is usually held.
  private static let attempts = 64
  private static let cacheLine = 64

  // Both are the same word: the first is used where the lock is free, the second where a thread has to wait.
  @usableFromInline let word: UnsafeMutablePointer<Atomic<UInt32>>
  private let sleepers: SharedWord

  @usableFromInline init() {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.cacheLine, alignment: Self.cacheLine)
    unsafe word = memory.baseAddress!.bindMemory(to: Atomic<UInt32>.self, capacity: 1)
    unsafe word.initialize(to: Atomic(Self.free))
    unsafe sleepers = SharedWord(memory, at: 0)
  }

  deinit { unsafe UnsafeMutableRawPointer(word).deallocate() }

  @inlinable func acquire() {
    if unsafe word.pointee.compareExchange(
      expected: Self.free, desired: Self.held, ordering: .acquiring
    ).exchanged {
      return
    }
    wait()
  }

  @inlinable func release() {
    if unsafe word.pointee.exchange(Self.free, ordering: .releasing) == Self.awaited { wake() }
  }

  @usableFromInline func wait() {
    for _ in 0..<Self.attempts {
      CPU.pause()
      let found = unsafe word.pointee.compareExchange(
        expected: Self.free, desired: Self.held, ordering: .acquiring)
      if found.exchanged { return }
    }
    // A thread that has slept can't know whether others still sleep: it leaves the word as awaited.
    while unsafe word.pointee.exchange(Self.awaited, ordering: .acquiring) != Self.free {
      sleepers.futexWait(while: Self.awaited, nanoseconds: nil)
    }
  }

  @usableFromInline func wake() { sleepers.futexWake() }

  @inlinable func with<Result>(_ body: () -> Result) -> Result {
    acquire()
    defer { release() }
    return body()
  }

  /// The place in the order in which several locks are acquired. No two locks have the same.
  var order: UInt { UInt(bitPattern: unsafe word) }
}
