import CSystem
import Glibc

/// A realtime signal (SIGRTMIN) that carries a number, queued to one thread, which takes it with sigwaitinfo(2): no
/// handler, no other thread is interrupted, and the kernel keeps the order.
package enum Signals {
  /// gettid(2): the calling thread's number.
  package static var gettid: Int32 { csystem_gettid() }

  /// rt_tgsigqueueinfo(2): queues a number to a thread. EAGAIN: its process has as many signals pending as RLIMIT_SIGPENDING
  /// allows.
  package static func rtTgsigqueueinfo(_ value: Int32, process: Int32, thread: Int32) throws(SystemError) {
    try system(.rtTgsigqueueinfo, .process(process)) { csystem_rt_tgsigqueueinfo(process, thread, value) }
  }

  /// sigwaitinfo(2): the next number that was queued to the calling thread, which must block the signal.
  ///
  /// - Returns: Nil for a signal that no process of this user queued.
  package static func sigwaitinfo() throws(SystemError) -> Int32? {
    var value: Int32 = 0
    var isOurs = false
    try system(.sigwaitinfo, .nothing(waits: true)) { unsafe csystem_sigwaitinfo(&value, &isOurs) }
    return isOurs ? value : nil
  }

  /// write(2): puts a number into a pipe.
  package static func write(_ value: Int32, to pipe: borrowing Descriptor) throws(SystemError) {
    var value = value
    try system(.write, .descriptor(pipe.raw, bytes: MemoryLayout<Int32>.size)) {
      unsafe Glibc.write(pipe.raw, &value, MemoryLayout<Int32>.size)
    }
  }
}
