import Glibc

/// What the kernel says of a System V queue, set or segment (IPC_STAT, `struct ipc_perm`): enough to tell an object from
/// another one that has its id by now. Ids are numbered anew with each boot, and in each IPC namespace.
package struct SystemVObject: Hashable, Sendable {
  /// 0: the object has none (IPC_PRIVATE), or is a segment that is marked for removal.
  package let key: Int32
  /// The user that created it.
  package let owner: UInt32
  /// When it was created, or its limits or values were set last: seconds of CLOCK_REALTIME.
  package let changed: Int

  /// A key that nothing else is likely to have; never IPC_PRIVATE.
  package static func newKey() -> Int32 { Int32.random(in: 1 ... .max) }

  /// The flags with which an object is created, for this user only. One with a key must be new (IPC_EXCL).
  static func creating(_ key: Int32) -> Int32 {
    Int32(IPC_CREAT) | (key == key_t(IPC_PRIVATE) ? 0 : Int32(IPC_EXCL)) | 0o600
  }
}
