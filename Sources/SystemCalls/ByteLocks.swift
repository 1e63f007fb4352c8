import CSystem

/// Locks on single bytes of a file, also of a pipe, which has none: fcntl(2), open file description locks. The kernel
/// releases one when the last descriptor of the open file that has it closes.
package enum ByteLocks {
  /// fcntl(2) with F_OFD_SETLK. Throws EAGAIN if another open file has the lock. The file is open for writing.
  package static func lock(_ file: Int32, byte: UInt32) throws(SystemError) {
    try system(.fcntl, .descriptor(file)) { csystem_lock_byte(file, Int64(byte)) }
  }

  /// fcntl(2) with F_OFD_GETLK: whether another open file has the lock.
  package static func isLocked(_ file: Int32, byte: UInt32) throws(SystemError) -> Bool {
    try system(.fcntl, .descriptor(file)) { csystem_byte_is_locked(file, Int64(byte)) } == 1
  }
}
