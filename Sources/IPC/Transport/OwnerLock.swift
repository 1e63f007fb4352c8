import Synchronization
import SystemCalls

/// A lock that its owner takes for nearly nothing, millions of times a second, and that another thread seldom tries.
///
/// The owner stores that it is inside and looks for a visitor; a visitor stores that it is there and looks for the owner.
/// Each would need a full barrier between its store and its load. Here the visitor passes it for both
/// (``MemoryBarrier/amongThreads()``), and the owner's costs nothing; where the kernel doesn't let it, each passes its own.
struct OwnerLock: ~Copyable {
  private let isInside = Atomic<Bool>(false)
  private let isVisited = Atomic<Bool>(false)
  private let visitorPassesBarrier = MemoryBarrier.worksAmongThreads

  /// Taken by the owner, who waits for a visitor to go.
  @inline(__always) func enter() {
    isInside.store(true, ordering: .relaxed)
    if visitorPassesBarrier { MemoryBarrier.compilerOnly() } else { sharedMemoryFence() }
    if isVisited.load(ordering: .acquiring) { waitForVisitor() }
  }

  @inline(never) private func waitForVisitor() {
    while true {
      isInside.store(false, ordering: .releasing)
      while isVisited.load(ordering: .acquiring) { CPU.pause() }
      isInside.store(true, ordering: .sequentiallyConsistent)
      sharedMemoryFence()
      if !isVisited.load(ordering: .acquiring) { return }
    }
  }

  @inline(__always) func leave() { isInside.store(false, ordering: .releasing) }

  /// Taken by another thread, or by the owner while it is inside already. False: somebody is inside.
  func visit() -> Bool {
    if isInside.load(ordering: .acquiring) { return false }
    guard
      isVisited.compareExchange(expected: false, desired: true, ordering: .sequentiallyConsistent).exchanged
    else { return false }
    var isOrdered = true
    if visitorPassesBarrier { isOrdered = MemoryBarrier.amongThreads() } else { sharedMemoryFence() }
    if !isOrdered || isInside.load(ordering: .acquiring) {
      isVisited.store(false, ordering: .releasing)
      return false
    }
    return true
  }

  func endVisit() { isVisited.store(false, ordering: .releasing) }
}
