import Synchronization
import SystemCalls

/// A lock that its owner takes at almost no cost, millions of times a second, and that another thread seldom tries.
///
/// The owner stores that it is inside and then looks for a guest; a guest stores that it is there and then looks for
/// the owner. Each needs a full barrier between its store and its load. Here the guest calls membarrier(2), which is a
/// barrier for both (``MemoryBarrier/amongThreads()``), and the owner's costs nothing; where the kernel has no
/// membarrier(2), each has its own.
struct OwnerLock: ~Copyable {
  private let isInside = Atomic<Bool>(false)
  private let hasGuest = Atomic<Bool>(false)
  private let guestHasBarrier = MemoryBarrier.worksAmongThreads

  /// Taken by the owner, which waits for a guest to leave.
  @inline(__always) func lock() {
    isInside.store(true, ordering: .relaxed)
    if guestHasBarrier { MemoryBarrier.compilerOnly() } else { sharedMemoryFence() }
    if hasGuest.load(ordering: .acquiring) { waitForGuest() }
  }

  @inline(never) private func waitForGuest() {
    while true {
      isInside.store(false, ordering: .releasing)
      while hasGuest.load(ordering: .acquiring) { CPU.pause() }
      isInside.store(true, ordering: .sequentiallyConsistent)
      sharedMemoryFence()
      if !hasGuest.load(ordering: .acquiring) { return }
    }
  }

  /// The owner leaves.
  @inline(__always) func unlock() { isInside.store(false, ordering: .releasing) }

  /// Taken by another thread, or by the owner while it is inside already. Returns false if the lock is taken.
  func tryLock() -> Bool {
    if isInside.load(ordering: .acquiring) { return false }
    guard
      hasGuest.compareExchange(expected: false, desired: true, ordering: .sequentiallyConsistent).exchanged
    else { return false }
    var isOrdered = true
    if guestHasBarrier { isOrdered = MemoryBarrier.amongThreads() } else { sharedMemoryFence() }
    if !isOrdered || isInside.load(ordering: .acquiring) {
      hasGuest.store(false, ordering: .releasing)
      return false
    }
    return true
  }

  /// The thread that ``tryLock()`` let in leaves.
  func endTry() { hasGuest.store(false, ordering: .releasing) }
}
