import CSystem
import Glibc

/// POSIX message queues (mq_overview(7)). On Linux a queue's number is a descriptor: it can be polled and passed to
/// another process.
package enum POSIXQueues {
  /// mq_open(3) with O_CREAT and O_EXCL: a new queue, for this user only.
  package static func mqOpen(
    creating name: String, messages: Int, size: Int
  ) throws(SystemError) -> Descriptor {
    let queue = try making(.mqOpen) { unsafe csystem_mq_create(name, messages, size) }
    Files.restoreMode(of: queue)
    return queue
  }

  /// mq_open(3) of a queue that exists.
  package static func mqOpen(_ name: String) throws(SystemError) -> Descriptor {
    try making(.mqOpen) { unsafe csystem_mq_open(name) }
  }

  /// mq_unlink(3).
  package static func mqUnlink(_ name: String) throws(SystemError) {
    try system(.mqUnlink) { unsafe csystem_mq_unlink(name) }
  }

  /// mq_getattr(3).
  ///
  /// - Returns: How many messages the queue holds, and the bytes of the largest.
  package static func mqGetattr(
    _ queue: borrowing Descriptor
  ) throws(SystemError) -> (messages: Int, size: Int) {
    var (messages, size) = (0, 0)
    try system(.mqGetattr, .descriptor(queue.raw)) { unsafe csystem_mq_limits(queue.raw, &messages, &size) }
    return (messages, size)
  }

  /// mq_getattr(3): how many messages wait.
  package static func mqGetattr(waiting queue: borrowing Descriptor) throws(SystemError) -> Int {
    try system(.mqGetattr, .descriptor(queue.raw)) { csystem_mq_waiting(queue.raw) }
  }

  /// mq_timedsend(3) with a deadline that has passed: sends at once, or not at all.
  ///
  /// - Returns: Whether there was room.
  package static func mqSend(
    _ queue: Int32, _ bytes: UnsafeRawBufferPointer, priority: UInt32 = 0
  ) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try system(.mqTimedsend, .descriptor(queue, bytes: bytes.count)) {
        unsafe csystem_mq_timedsend(queue, bytes.baseAddress, bytes.count, priority, 0)
      }
      return true
    } catch {
      if error.number == ETIMEDOUT || error.wouldBlock { return false }
      throw error
    }
  }

  /// mq_timedreceive(3) with a deadline that has passed: takes a message if there is one.
  ///
  /// - Returns: The message's bytes; nil when the queue is empty.
  package static func mqReceive(
    _ queue: Int32, into buffer: UnsafeMutableRawBufferPointer, priority: UnsafeMutablePointer<UInt32>? = nil
  ) throws(SystemError) -> Int? {
    do throws(SystemError) {
      return try system(.mqTimedreceive, .descriptor(queue, bytes: buffer.count)) {
        unsafe csystem_mq_timedreceive(queue, buffer.baseAddress, buffer.count, priority, 0)
      }
    } catch {
      if error.number == ETIMEDOUT || error.wouldBlock { return nil }
      throw error
    }
  }
}
