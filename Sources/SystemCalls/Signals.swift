import CSystem
import Glibc

/// A realtime signal (SIGRTMIN) that carries a number, queued to one thread, which takes it with sigwaitinfo(2): no
/// handler, no other thread is interrupted, and the kernel keeps the order.
package enum Signals {
  /// The calling thread's number.
  package static var thread: Int32 { csystem_thread_id() }

  /// rt_tgsigqueueinfo(2). EAGAIN: the receiver has as many pending as its RLIMIT_SIGPENDING allows.
  package static func queue(_ value: Int32, process: Int32, thread: Int32) throws(SystemError) {
    try system(.rtTgsigqueueinfo) { csystem_signal_queue(process, thread, value) }
  }

  /// The next number that was queued to the calling thread, which must block the signal; nil: a signal that isn't
  /// one of this user's.
  package static func take() throws(SystemError) -> Int32? {
    var value: Int32 = 0
    do throws(SystemError) {
      try system(.sigwaitinfo) { unsafe csystem_signal_take(&value) }
      return value
    } catch {
      if error.wouldBlock { return nil }
      throw error
    }
  }

  /// Writes a number to a pipe.
  package static func pass(_ value: Int32, to pipe: borrowing Descriptor) throws(SystemError) {
    var value = value
    try system(.write) { unsafe write(pipe.raw, &value, 4) }
  }
}

/// An unnamed POSIX semaphore in memory that processes share (sem_init(3)); it takes 64 bytes.
@safe package struct PosixSemaphore: @unchecked Sendable {
  private let pointer: UnsafeMutableRawPointer

  package init(_ memory: UnsafeMutableRawBufferPointer, at offset: Int) {
    precondition(offset % 64 == 0 && offset + 64 <= memory.count)
    unsafe pointer = memory.baseAddress! + offset
  }

  package func initialize(_ value: UInt32) throws(SystemError) {
    try system(.semPost) { unsafe csystem_sem_init(pointer, value) }
  }

  package func post() throws(SystemError) { try system(.semPost) { unsafe csystem_sem_post(pointer) } }

  /// Takes one. False: none came in time; 0 nanoseconds: there is none.
  package func wait(nanoseconds: UInt64) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try system(.semWait) { unsafe csystem_sem_wait(pointer, Int64(clamping: nanoseconds)) }
      return true
    } catch {
      if error.wouldBlock || error.number == ETIMEDOUT { return false }
      throw error
    }
  }
}
