import CSystem
import Glibc

/// Memory behind a descriptor (memfd_create(2)), sealed so that no process that gets it can shrink it under the
/// others. Unmapped and closed when it goes out of scope.
@safe package struct MemoryFile: ~Copyable, @unchecked Sendable {
  package let descriptor: Descriptor
  package let bytes: UnsafeMutableRawBufferPointer

  // F_ADD_SEALS and its flags, which the Swift module leaves out.
  private static let addSeals: Int32 = 1033
  private static let getSeals: Int32 = 1034
  private static let shrinkGrowSeal: Int32 = 0x0001 | 0x0002 | 0x0004

  /// Makes zeroed memory.
  package init(creating count: Int) throws(SystemError) {
    // MFD_CLOEXEC, MFD_ALLOW_SEALING.
    let descriptor = Descriptor(
      owning: try system(.memfdCreate) { unsafe csystem_memfd_create("swift-ipc", 0x0001 | 0x0002) })
    try system(.ftruncate) { ftruncate(descriptor.raw, count) }
    try system(.fcntl) { fcntl(descriptor.raw, Self.addSeals, Self.shrinkGrowSeal) }
    unsafe bytes = try Self.map(descriptor, count)
    self.descriptor = descriptor
  }

  /// Maps what another process made: as much as it is, and only if it can't be shrunk.
  package init(mapping descriptor: consuming Descriptor) throws(SystemError) {
    let seals = try system(.fcntl) { fcntl(descriptor.raw, Self.getSeals) }
    guard seals & 0x0002 != 0 else { throw SystemError(EACCES, .mmap) }
    var status = stat()
    try system(.fstat) { unsafe fstat(descriptor.raw, &status) }
    unsafe bytes = try Self.map(descriptor, Int(status.st_size))
    self.descriptor = descriptor
  }

  deinit { unsafe munmap(bytes.baseAddress!, bytes.count) }

  private static func map(
    _ descriptor: borrowing Descriptor, _ count: Int
  ) throws(SystemError) -> UnsafeMutableRawBufferPointer {
    let address = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.raw, 0)
    guard let address = unsafe address, Int(bitPattern: address) != -1 else {
      throw SystemError(errno, .mmap)
    }
    return unsafe UnsafeMutableRawBufferPointer(start: address, count: count)
  }
}
