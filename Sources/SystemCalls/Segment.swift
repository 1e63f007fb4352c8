import Glibc

/// A System V shared memory segment, attached. Detaches (shmdt(2)) when it goes out of scope.
@safe package struct Segment: ~Copyable, @unchecked Sendable {
  package let id: Int32
  package let bytes: UnsafeMutableRawBufferPointer

  /// shmget(2) and shmat(2): creates a private segment of at least `count` zeroed bytes and attaches it. Removes it when
  /// attaching fails.
  package init(shmget count: Int) throws(SystemError) {
    let id = try system(.shmget) { Glibc.shmget(key_t(IPC_PRIVATE), count, Int32(IPC_CREAT) | 0o600) }
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
    guard status.owner == getuid() else { return nil }
    unsafe (self.bytes = try Self.shmat(id, count: status.bytes))
    self.id = id
  }

  deinit { unsafe shmdt(bytes.baseAddress!) }

  private static func shmat(_ id: Int32, count: Int) throws(SystemError) -> UnsafeMutableRawBufferPointer {
    // The address as a number, which is how the gate knows a failure: -1.
    let address = try system(.shmat) { Int(bitPattern: unsafe Glibc.shmat(id, nil, 0)) }
    return unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: address), count: count)
  }

  package struct Status: Sendable {
    package let owner: UInt32
    package let bytes: Int
    package let attached: Int
  }

  /// shmctl(2) with IPC_STAT.
  package static func shmctl(status id: Int32) throws(SystemError) -> Status {
    var raw = shmid_ds()
    try system(.shmctl) { unsafe Glibc.shmctl(id, IPC_STAT, &raw) }
    return Status(owner: raw.shm_perm.cuid, bytes: Int(raw.shm_segsz), attached: Int(raw.shm_nattch))
  }

  /// shmctl(2) with IPC_RMID: the kernel removes the segment when the last process detaches.
  package static func shmctl(remove id: Int32) throws(SystemError) {
    try system(.shmctl) { Glibc.shmctl(id, IPC_RMID, nil) }
  }
}
