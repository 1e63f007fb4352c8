import CSystem
import Synchronization

/// An atomic word in memory that processes share. Every mapping is page-aligned, so a word at an aligned offset is
/// lock-free in each of them.
@safe package struct SharedWord: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<Atomic<UInt32>>

  package init(_ memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    precondition(offset >= 0 && offset % 4 == 0 && offset + 4 <= memory.count)
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

  /// futex(2) with FUTEX_WAIT: sleeps while the word is `expected`, at most `nanoseconds` (nil: without a limit). Returns on
  /// a wake, a change, a signal or the timeout.
  package func futexWait(while expected: UInt32, nanoseconds: UInt64?) {
    unsafe observed(.futex, .word(raw, operation: 0, waits: true)) {
      unsafe csystem_futex_wait(raw, expected, nanoseconds.map { Int64(clamping: $0) } ?? -1)
    }
  }

  /// futex(2) with FUTEX_WAKE: wakes every thread that sleeps on the word, in whichever process.
  package func futexWake() {
    unsafe observed(.futex, .word(raw, operation: 1)) { unsafe csystem_futex_wake(raw, .max) }
  }

  private var raw: UnsafePointer<UInt32> {
    unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt32.self)
  }
}

/// A 64-bit counter in memory that processes share.
@safe package struct SharedCounter: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<Atomic<UInt64>>

  package init(_ memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    precondition(offset >= 0 && offset % 8 == 0 && offset + 8 <= memory.count)
    unsafe pointer = (memory.baseAddress! + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  @inline(__always) package func load() -> UInt64 { unsafe pointer.pointee.load(ordering: .acquiring) }
  private func compareExchange(_ expected: UInt64, _ desired: UInt64) -> (exchanged: Bool, original: UInt64) {
    unsafe pointer.pointee.compareExchange(
      expected: expected, desired: desired, ordering: .sequentiallyConsistent)
  }

  @inline(__always) package func store(_ value: UInt64) {
    unsafe pointer.pointee.store(value, ordering: .releasing)
  }

  /// Subtracts one, unless the counter is 0; then false.
  package func takeOne() -> Bool {
    var value = load()
    while value > 0 {
      let (exchanged, original) = compareExchange(value, value - 1)
      if exchanged { return true }
      value = original
    }
    return false
  }

  /// Adds one.
  package func addOne() {
    var value = load()
    while true {
      let (exchanged, original) = compareExchange(value, value + 1)
      if exchanged { return }
      value = original
    }
  }
}

/// A full memory barrier: other processes see everything before it before anything after it.
@inline(__always) package func sharedMemoryFence() { atomicMemoryFence(ordering: .sequentiallyConsistent) }
