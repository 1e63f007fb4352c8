import Glibc

/// A System V shared memory segment, attached. Detaches (shmdt(2)) when it goes out of scope.
@safe package struct Segment: ~Copyable, @unchecked Sendable {
  package let id: Int32
  package let bytes: UnsafeMutableRawBufferPointer

  /// shmget(2) and shmat(2): creates a segment of at least `count` zeroed bytes, for this user only, and attaches it. Removes
  /// it when attaching fails.
  ///
  /// - Parameter key: By which ``shmget(key:)`` finds it; 0: by none.
  package init(shmget count: Int, creating key: Int32 = 0) throws(SystemError) {
    let id = try system(.shmget) { Glibc.shmget(key, count, SystemVObject.creating(key)) }
    do {
      unsafe (self.bytes = try Self.shmat(id, count: count))
      self.id = id
    } catch {
      try? Self.shmctl(remove: id)
      throw error
    }
  }

  /// shmctl(2) and shmat(2): attaches a segment of this user's, all of it. Nil, without attaching: another user created it.
  package init?(shmat id: Int32) throws(SystemError) {
    let status = try Self.shmctl(status: id)
    guard status.object.owner == getuid() else { return nil }
    unsafe (self.bytes = try Self.shmat(id, count: status.bytes))
    self.id = id
  }

  deinit { unsafe shmdt(bytes.baseAddress!) }

  private static func shmat(_ id: Int32, count: Int) throws(SystemError) -> UnsafeMutableRawBufferPointer {
    // The address as a number, which is how the gate knows a failure: -1.
    let address = try system(.shmat, .segment(id)) { Int(bitPattern: unsafe Glibc.shmat(id, nil, 0)) }
    return unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: address), count: count)
  }

  /// shmget(2) of a segment that exists.
  package static func shmget(key: Int32) throws(SystemError) -> Int32 {
    try system(.shmget) { Glibc.shmget(key, 0, 0) }
  }

  package struct Status: Sendable {
    package let object: SystemVObject
    package let bytes: Int
    /// How often it is attached, by all processes.
    package let attached: Int
    /// Whether it is marked for removal (SHM_DEST): it goes with its last attachment.
    package let isRemoved: Bool
  }

  /// SHM_DEST, which sys/shm.h has for the kernel only.
  private static let removedFlag: UInt16 = 0o1000

  /// shmctl(2) with IPC_STAT.
  package static func shmctl(status id: Int32) throws(SystemError) -> Status {
    var raw = shmid_ds()
    try system(.shmctl, .segment(id)) { unsafe Glibc.shmctl(id, IPC_STAT, &raw) }
    return Status(
      object: SystemVObject(
        key: raw.shm_perm.__key, owner: raw.shm_perm.cuid, changed: Int(raw.shm_ctime)),
      bytes: Int(raw.shm_segsz), attached: Int(raw.shm_nattch),
      isRemoved: UInt16(truncatingIfNeeded: raw.shm_perm.mode) & removedFlag != 0)
  }

  /// shmctl(2) with IPC_RMID: the kernel removes the segment when the last process detaches.
  package static func shmctl(remove id: Int32) throws(SystemError) {
    try system(.shmctl, .segment(id)) { Glibc.shmctl(id, IPC_RMID, nil) }
  }
}
