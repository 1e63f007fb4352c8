import CSystem
import Glibc

/// An unnamed POSIX semaphore in memory that processes share (sem_overview(7)); it takes 64 bytes.
@safe package struct POSIXSemaphore: @unchecked Sendable {
  private let pointer: UnsafeMutableRawPointer

  package init(_ memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    precondition(offset % 64 == 0 && offset + 64 <= memory.count)
    unsafe pointer = memory.baseAddress! + offset
  }

  private static let flagOffset = 8

  /// What sem_init(3) stores of a semaphore that processes share: the flag with which the C library calls futex(2). Where
  /// another process overwrites it, that call fails, and the C library aborts this process.
  private static let flag: UInt32 = unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) {
    guard unsafe csystem_sem_init($0.baseAddress!, 0) == 0 else { return 0 }
    return unsafe $0.load(fromByteOffset: flagOffset, as: UInt32.self)
  }

  /// - Throws: EINVAL, as sem_post(3) does for what is no semaphore.
  private func check(_ call: SystemCall) throws(SystemError) {
    // The flag lies elsewhere in the semaphores of 32-bit machines.
    guard MemoryLayout<Int>.size == 8 else { return }
    if unsafe pointer.load(fromByteOffset: Self.flagOffset, as: UInt32.self) != Self.flag {
      throw SystemError(EINVAL, call)
    }
  }

  /// sem_init(3).
  package func semInit(_ value: UInt32) throws(SystemError) {
    try system(.semInit) { unsafe csystem_sem_init(pointer, value) }
  }

  /// sem_post(3): adds one.
  /// - Throws: EINVAL if another process has overwritten the semaphore.
  package func semPost() throws(SystemError) {
    try check(.semPost)
    unsafe try system(.semPost, .word(pointer, operation: 1)) { unsafe csystem_sem_post(pointer) }
  }

  /// sem_clockwait(3), or sem_trywait(3) with 0 nanoseconds: takes one.
  ///
  /// - Throws: EINVAL if another process has overwritten the semaphore.
  /// - Returns: False when none came in time, or a signal came: the caller waits for what is left of its time.
  package func semClockwait(nanoseconds: UInt64) throws(SystemError) -> Bool {
    try check(nanoseconds == 0 ? .semTrywait : .semClockwait)
    do throws(SystemError) {
      if nanoseconds == 0 {
        unsafe try system(.semTrywait, .word(pointer, operation: 0)) { unsafe csystem_sem_trywait(pointer) }
      } else {
        unsafe try system(.semClockwait, .word(pointer, operation: 0, waits: true), throwsInterrupted: true) {
          unsafe csystem_sem_clockwait(pointer, Int64(clamping: nanoseconds))
        }
      }
      return true
    } catch {
      if error.endsWait || error.number == ETIMEDOUT { return false }
      throw error
    }
  }
}
