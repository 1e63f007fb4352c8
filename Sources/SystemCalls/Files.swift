import Glibc

/// Files, directories, FIFOs and locks on them. Opens are closed on exec and follow no symbolic link.
package enum Files {
  package enum Access: Sendable { case read, write, readWrite }
  package enum Kind: Sendable { case fifo, socket, regular, directory, other }

  package struct Status: Sendable {
    package let kind: Kind
    package let owner: UInt32
    package let mode: UInt32
    package let device: UInt64
    package let inode: UInt64
  }

  package static func open(
    _ path: String, _ access: Access, create: Bool = false, nonblocking: Bool = false, directory: Bool = false
  ) throws(SystemError) -> Descriptor {
    var flags = O_CLOEXEC | O_NOFOLLOW
    switch access {
    case .read: flags |= O_RDONLY
    case .write: flags |= O_WRONLY
    case .readWrite: flags |= O_RDWR
    }
    if create { flags |= O_CREAT }
    if nonblocking { flags |= O_NONBLOCK }
    if directory { flags |= O_DIRECTORY }
    return Descriptor(owning: try system(.open) { unsafe Glibc.open(path, flags, 0o600) })
  }

  package static func makeFIFO(_ path: String) throws(SystemError) {
    try system(.mkfifo) { unsafe mkfifo(path, 0o600) }
  }

  package static func makeDirectory(_ path: String) throws(SystemError) {
    try system(.mkdir) { unsafe mkdir(path, 0o700) }
  }

  package static func remove(_ path: String) throws(SystemError) {
    try system(.unlink) { unsafe unlink(path) }
  }

  package static func removeDirectory(_ path: String) throws(SystemError) {
    try system(.unlink) { unsafe rmdir(path) }
  }

  /// lstat(2): of the name itself, never of what a link points at.
  package static func status(_ path: String) throws(SystemError) -> Status {
    var raw = stat()
    try system(.stat) { unsafe lstat(path, &raw) }
    return status(raw)
  }

  package static func status(_ descriptor: borrowing Descriptor) throws(SystemError) -> Status {
    var raw = stat()
    try system(.fstat) { unsafe fstat(descriptor.raw, &raw) }
    return status(raw)
  }

  private static func status(_ raw: stat) -> Status {
    let kind: Kind =
      switch raw.st_mode & S_IFMT {
      case S_IFIFO: .fifo
      case S_IFSOCK: .socket
      case S_IFREG: .regular
      case S_IFDIR: .directory
      default: .other
      }
    return Status(
      kind: kind, owner: raw.st_uid, mode: UInt32(raw.st_mode & 0o7777), device: UInt64(raw.st_dev),
      inode: UInt64(raw.st_ino))
  }

  /// flock(2), exclusive. Without `wait`, false when another holds it. The kernel lets go when the last
  /// descriptor of this open file closes, however the process ends.
  package static func lock(_ descriptor: borrowing Descriptor, wait: Bool) throws(SystemError) -> Bool {
    do {
      try system(.flock) { flock(descriptor.raw, LOCK_EX | (wait ? 0 : LOCK_NB)) }
      return true
    } catch {
      if error.wouldBlock { return false }
      throw error
    }
  }

  /// A small file's text, at most 4 MiB of it.
  package static func readText(_ path: String) throws(SystemError) -> String {
    let file = try open(path, .read)
    return try readText(file)
  }

  package static func readText(_ file: borrowing Descriptor) throws(SystemError) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while bytes.count < 4 << 20 {
      let count = try system(.read) { unsafe Glibc.read(file.raw, &chunk, chunk.count) }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  package static func writeText(_ file: borrowing Descriptor, _ text: String) throws(SystemError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = try system(.write) {
        unsafe rest.withUnsafeBytes { unsafe Glibc.write(file.raw, $0.baseAddress, $0.count) }
      }
      rest = rest.dropFirst(count)
    }
  }

  /// Empties a file; what is written next is its beginning.
  package static func truncate(_ file: borrowing Descriptor) throws(SystemError) {
    try system(.ftruncate) { ftruncate(file.raw, 0) }
    // Where the next write goes is the descriptor's, and doesn't follow.
    lseek(file.raw, 0, SEEK_SET)
  }

  /// The names in a directory, without `.` and `..`.
  package static func names(in path: String) throws(SystemError) -> [String] {
    guard let directory = unsafe opendir(path) else { throw SystemError(errno, .open) }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
