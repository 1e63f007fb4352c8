import CSystem
import Glibc

/// POSIX message queues (mq_overview(7)). On Linux a queue's number is a descriptor: it can be polled and handed
/// over.
package enum PosixQueues {
  package static func create(_ name: String, messages: Int, size: Int) throws(SystemError) -> Descriptor {
    Descriptor(owning: try system(.mqOpen) { unsafe csystem_mq_create(name, messages, size) })
  }

  package static func open(_ name: String) throws(SystemError) -> Descriptor {
    Descriptor(owning: try system(.mqOpen) { unsafe csystem_mq_open(name) })
  }

  package static func unlink(_ name: String) throws(SystemError) {
    try system(.mqUnlink) { unsafe csystem_mq_unlink(name) }
  }

  /// The largest message.
  package static func messageSize(_ queue: borrowing Descriptor) throws(SystemError) -> Int {
    var messages = 0
    var size = 0
    try system(.mqGetattr) { unsafe csystem_mq_limits(queue.raw, &messages, &size) }
    return size
  }

  /// Sends if there is room. False: there is none.
  package static func trySend(_ queue: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Bool {
    do throws(SystemError) {
      // A deadline that has passed: the call goes through at once, or fails.
      try system(.mqSend) { unsafe csystem_mq_send(queue, bytes.baseAddress, bytes.count, 0) }
      return true
    } catch {
      if error.number == ETIMEDOUT || error.wouldBlock { return false }
      throw error
    }
  }

  /// Takes a message if there is one.
  package static func tryReceive(
    _ queue: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) -> Int? {
    do throws(SystemError) {
      return try system(.mqReceive) { unsafe csystem_mq_receive(queue, buffer.baseAddress, buffer.count, 0) }
    } catch {
      if error.number == ETIMEDOUT || error.wouldBlock { return nil }
      throw error
    }
  }
}
