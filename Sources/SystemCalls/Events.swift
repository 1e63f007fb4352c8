import CSystem
import Glibc

/// Counters behind a descriptor: eventfd(2).
package enum Events {
  /// eventfd(2), closed on exec.
  ///
  /// - Parameter semaphore: Each read takes one from the count instead of all of it (EFD_SEMAPHORE).
  package static func eventfd(
    _ initial: UInt32 = 0, semaphore: Bool = false
  ) throws(SystemError) -> Descriptor {
    let flags = CSYSTEM_EFD_CLOEXEC | (semaphore ? CSYSTEM_EFD_SEMAPHORE : 0)
    return try making(.eventfd) { csystem_eventfd(initial, flags) }
  }

  /// write(2): adds one to the count.
  package static func write(_ event: borrowing Descriptor) {
    var one: UInt64 = 1
    observed(.write, .descriptor(event.raw, bytes: MemoryLayout<UInt64>.size)) {
      unsafe Glibc.write(event.raw, &one, MemoryLayout<UInt64>.size)
    }
  }

  /// read(2): takes the count, or one from it where the counter is a semaphore.
  ///
  /// - Returns: False when the count is 0 and the descriptor in non-blocking mode.
  @discardableResult package static func read(_ event: borrowing Descriptor) -> Bool {
    var count: UInt64 = 0
    return observed(.read, .descriptor(event.raw, bytes: MemoryLayout<UInt64>.size, waits: true)) {
      unsafe Glibc.read(event.raw, &count, MemoryLayout<UInt64>.size)
    } == MemoryLayout<UInt64>.size
  }
}
