import CSystem
import Glibc

/// Realtime signals that carry a number (sigqueue(3)), sent to a process by its descriptor, so that they never
/// reach another that has got its number.
package enum Signals {
  /// Takes a realtime signal that nobody in this process handles, and has its values written to the pipe.
  package static func take(pipe: borrowing Descriptor) throws(SystemError) -> Int32 {
    var last = SystemError(EBUSY, .sigaction)
    for signal in csystem_realtime_signal_min()...csystem_realtime_signal_max() {
      do throws(SystemError) {
        try system(.sigaction) { csystem_signal_to_pipe(signal, pipe.raw) }
        return signal
      } catch {
        last = error
      }
    }
    throw last
  }

  package static func release(_ signal: Int32) { _ = csystem_signal_release(signal) }

  /// pidfd_send_signal(2). EAGAIN: the receiver has as many pending as its RLIMIT_SIGPENDING allows.
  package static func send(
    _ signal: Int32, value: Int32, to process: borrowing Descriptor
  ) throws(SystemError) {
    try system(.pidfdSendSignal) { csystem_pidfd_send(process.raw, signal, value) }
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
