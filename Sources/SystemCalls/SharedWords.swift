import CSystem
import Synchronization

/// Atomic words in memory that processes share. Every mapping is page-aligned, so a word at an aligned offset is
/// lock-free in each of them.
@safe package struct SharedWord: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<Atomic<UInt32>>

  package init(_ memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    precondition(offset % 4 == 0 && offset + 4 <= memory.count)
    unsafe pointer = (memory.baseAddress! + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @inline(__always) package func load() -> UInt32 { unsafe pointer.pointee.load(ordering: .acquiring) }
  @inline(__always) package func relaxed() -> UInt32 { unsafe pointer.pointee.load(ordering: .relaxed) }
  @inline(__always) package func store(_ value: UInt32) {
    unsafe pointer.pointee.store(value, ordering: .sequentiallyConsistent)
  }
  @inline(__always) package func compareExchange(_ expected: UInt32, _ desired: UInt32) -> Bool {
    unsafe pointer.pointee.compareExchange(
      expected: expected, desired: desired, ordering: .sequentiallyConsistent
    ).exchanged
  }

  /// futex(2): sleeps while the word is `expected`.
  package func sleep(while expected: UInt32, nanoseconds: UInt64?) {
    unsafe Futex.wait(
      UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt32.self), while: expected,
      nanoseconds: nanoseconds)
  }

  package func wakeAll() {
    unsafe Futex.wake(UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt32.self), count: .max)
  }
}

/// A 64-bit counter in memory that processes share.
@safe package struct SharedCounter: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<Atomic<UInt64>>

  package init(_ memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    precondition(offset % 8 == 0 && offset + 8 <= memory.count)
    unsafe pointer = (memory.baseAddress! + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  @inline(__always) package func load() -> UInt64 { unsafe pointer.pointee.load(ordering: .acquiring) }
  func compareExchange(_ expected: UInt64, _ desired: UInt64) -> (exchanged: Bool, original: UInt64) {
    unsafe pointer.pointee.compareExchange(
      expected: expected, desired: desired, ordering: .sequentiallyConsistent)
  }

  @inline(__always) package func store(_ value: UInt64) {
    unsafe pointer.pointee.store(value, ordering: .releasing)
  }
}

/// Everything before is seen by others before anything after.
@inline(__always) package func sharedMemoryFence() { atomicMemoryFence(ordering: .sequentiallyConsistent) }

extension SharedCounter {
  /// Takes one, unless it is 0.
  package func takeOne() -> Bool {
    var value = load()
    while value > 0 {
      let (exchanged, original) = compareExchange(value, value - 1)
      if exchanged { return true }
      value = original
    }
    return false
  }

  package func addOne() {
    var value = load()
    while true {
      let (exchanged, original) = compareExchange(value, value + 1)
      if exchanged { return }
      value = original
    }
  }
}

/// A barrier that the rare side pays for, so that the frequent side needn't (membarrier(2), Linux 4.16). Where one side
/// stores and then loads, and the other too, each normally needs a full barrier between the two, or both can miss what
/// the other stored. The frequent side registers its process and leaves its barrier out; the rare side, before its load,
/// makes every CPU that runs a registered process pass one.
package enum MemoryBarrier {
  /// Whether this process is registered, and so may leave its barriers out towards peers that say they call
  /// ``everywhere()``.
  package static let isRegistered: Bool = csystem_membarrier_register() == 0

  /// Whether this kernel lets this process call ``everywhere()``: some sandboxes don't.
  package static let isAvailable: Bool = csystem_membarrier_everywhere() == 0

  /// Passes a full barrier on every CPU that runs a registered process. About a microsecond.
  /// False: the kernel doesn't let this process any more.
  package static func everywhere() -> Bool { csystem_membarrier_everywhere() == 0 }

  /// What is left of the barrier on the frequent side: the compiler keeps the order.
  @inline(__always) package static func left() { csystem_compiler_fence() }

  /// Whether ``amongThreads()`` works in this process.
  package static let worksAmongThreads: Bool = csystem_membarrier_process_register() == 0

  /// Passes a full barrier on every CPU that runs a thread of this process. Next to nothing where there is one thread.
  /// False: the kernel doesn't let this process any more, as when a filter of system calls was installed since.
  package static func amongThreads() -> Bool { csystem_membarrier_process() == 0 }
}
