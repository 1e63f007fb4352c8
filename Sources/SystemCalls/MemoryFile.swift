import CSystem
import Glibc

/// Memory behind a descriptor, sealed so that no process that gets it can shrink it under the others. Unmapped
/// (munmap(2)) and closed when it goes out of scope.
@safe package struct MemoryFile: ~Copyable, @unchecked Sendable {
  package let descriptor: Descriptor
  package let bytes: UnsafeMutableRawBufferPointer

  /// memfd_create(2): an empty file without a name, closed on exec, which can be sealed.
  package static func memfdCreate() throws(SystemError) -> Descriptor {
    try making(.memfdCreate) {
      unsafe csystem_memfd_create("swift-ipc", CSYSTEM_MFD_CLOEXEC | CSYSTEM_MFD_ALLOW_SEALING)
    }
  }

  /// ftruncate(2): gives the file its size, in zeros.
  package static func ftruncate(_ descriptor: borrowing Descriptor, bytes: Int) throws(SystemError) {
    Streams.ignoreSIGXFSZ
    try system(.ftruncate, .descriptor(descriptor.raw)) { Glibc.ftruncate(descriptor.raw, bytes) }
  }

  /// fcntl(2) with F_ADD_SEALS: the file keeps its size (F_SEAL_SHRINK, F_SEAL_GROW), and its seals (F_SEAL_SEAL).
  package static func fcntl(addSeals descriptor: borrowing Descriptor) throws(SystemError) {
    try system(.fcntl, .descriptor(descriptor.raw)) {
      Glibc.fcntl(
        descriptor.raw, CSYSTEM_F_ADD_SEALS,
        CSYSTEM_F_SEAL_SEAL | CSYSTEM_F_SEAL_SHRINK | CSYSTEM_F_SEAL_GROW)
    }
  }

  /// mmap(2) of a file that this process created.
  package init(mmap descriptor: consuming Descriptor, bytes count: Int) throws(SystemError) {
    unsafe bytes = try Self.mmap(descriptor, count)
    self.descriptor = descriptor
  }

  /// fcntl(2) with F_GET_SEALS, fstat(2), mmap(2): maps what another process created, all of it. Nil, without mapping: it
  /// isn't sealed against shrinking.
  package init?(mmap descriptor: consuming Descriptor) throws(SystemError) {
    let seals = try system(.fcntl, .descriptor(descriptor.raw)) {
      Glibc.fcntl(descriptor.raw, CSYSTEM_F_GET_SEALS)
    }
    guard seals & CSYSTEM_F_SEAL_SHRINK != 0 else { return nil }
    var status = stat()
    try system(.fstat, .descriptor(descriptor.raw)) { unsafe fstat(descriptor.raw, &status) }
    unsafe bytes = try Self.mmap(descriptor, Int(status.st_size))
    self.descriptor = descriptor
  }

  deinit { unsafe munmap(bytes.baseAddress!, bytes.count) }

  /// Whether a file of so many bytes is within RLIMIT_FSIZE, which holds for files in memory too: ftruncate(2) of a longer
  /// one raises SIGXFSZ. getrlimit(2).
  package static func isAllowed(bytes: Int) -> Bool {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return true }
    return limit.rlim_cur >= bytes
  }

  fileprivate static func mmap(
    _ descriptor: borrowing Descriptor, _ count: Int
  ) throws(SystemError) -> UnsafeMutableRawBufferPointer {
    // The address as a number, which is how the gate knows a failure: MAP_FAILED, -1.
    let address = try system(.mmap, .descriptor(descriptor.raw, bytes: count)) {
      Int(bitPattern: unsafe Glibc.mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.raw, 0))
    }
    return unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: address), count: count)
  }
}

/// The memory of such a file where its descriptor isn't kept. Unmapped (munmap(2)) when it goes out of scope.
@safe package struct MemoryMapping: ~Copyable, @unchecked Sendable {
  package let bytes: UnsafeMutableRawBufferPointer

  /// mmap(2) of a file that this process created.
  package init(mmap descriptor: borrowing Descriptor, bytes count: Int) throws(SystemError) {
    unsafe bytes = try MemoryFile.mmap(descriptor, count)
  }

  /// fcntl(2) with F_GET_SEALS, fstat(2), mmap(2): maps what another process created, all of it. Nil, without mapping: it
  /// isn't sealed against shrinking, or has fewer bytes than these.
  package init?(mmap descriptor: borrowing Descriptor, atLeast count: Int) throws(SystemError) {
    let seals = try system(.fcntl, .descriptor(descriptor.raw)) {
      Glibc.fcntl(descriptor.raw, CSYSTEM_F_GET_SEALS)
    }
    var status = stat()
    try system(.fstat, .descriptor(descriptor.raw)) { unsafe fstat(descriptor.raw, &status) }
    guard seals & CSYSTEM_F_SEAL_SHRINK != 0, Int(status.st_size) >= count else { return nil }
    unsafe bytes = try MemoryFile.mmap(descriptor, Int(status.st_size))
  }

  deinit { unsafe munmap(bytes.baseAddress!, bytes.count) }
}
