import CSystem
import Glibc

/// An unnamed POSIX semaphore in memory that processes share (sem_overview(7)); it takes 64 bytes.
@safe package struct POSIXSemaphore: @unchecked Sendable {
  private let pointer: UnsafeMutableRawPointer

  package init(_ memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    precondition(offset % 64 == 0 && offset + 64 <= memory.count)
    unsafe pointer = memory.baseAddress! + offset
  }

  /// sem_init(3).
  package func semInit(_ value: UInt32) throws(SystemError) {
    try system(.semInit) { unsafe csystem_sem_init(pointer, value) }
  }

  /// sem_post(3): adds one.
  package func semPost() throws(SystemError) { try system(.semPost) { unsafe csystem_sem_post(pointer) } }

  /// sem_timedwait(3), or sem_trywait(3) with 0 nanoseconds: takes one.
  ///
  /// - Returns: False when none came in time, or a signal came: the caller waits for what is left of its time.
  package func semTimedwait(nanoseconds: UInt64) throws(SystemError) -> Bool {
    do throws(SystemError) {
      if nanoseconds == 0 {
        try system(.semTrywait) { unsafe csystem_sem_trywait(pointer) }
      } else {
        try system(.semTimedwait, throwsInterrupted: true) {
          unsafe csystem_sem_timedwait(pointer, Int64(clamping: nanoseconds))
        }
      }
      return true
    } catch {
      if error.endsWait || error.number == ETIMEDOUT { return false }
      throw error
    }
  }
}
