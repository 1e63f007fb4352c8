import Glibc

/// Files, directories, FIFOs and locks on them. An opened file is closed on exec; no symbolic link is followed, but where
/// `followsLink` asks for it.
package enum Files {
  package enum Access: Sendable { case read, write, readWrite }
  package enum Kind: Sendable { case fifo, socket, regular, directory, other }

  package struct Status: Sendable {
    package let kind: Kind
    package let owner: UInt32
    /// The permissions, and the mark of ``mkfifo(_:isMarked:)``.
    package let mode: UInt32
    package let device: UInt64
    package let inode: UInt64
    /// How long its content is.
    package let bytes: Int
    /// When its content changed last: seconds of CLOCK_REALTIME.
    package let modified: Int
  }

  /// The mode of a file that is for every user that umask(2) doesn't exclude.
  package static let everyone: UInt32 = 0o666
  /// The modes of what is this user's alone. umask(2) takes nothing of them: without all of its bits, the user couldn't
  /// use it either.
  private static let owners: UInt32 = 0o600, ownersDirectory: UInt32 = 0o700
  /// The sticky bit, which means nothing on a FIFO.
  fileprivate static let mark: UInt32 = 0o1000

  /// open(2) with O_CLOEXEC, and O_NOFOLLOW unless `followsLink`.
  ///
  /// - Parameters:
  ///   - exclusive: Fails with EEXIST where there is a file that it would create.
  ///   - mode: Of a file that it creates.
  package static func open(
    _ path: String, _ access: Access, create: Bool = false, exclusive: Bool = false,
    nonblocking: Bool = false, directory: Bool = false, followsLink: Bool = false, mode: UInt32 = 0o600
  ) throws(SystemError) -> Descriptor {
    var flags = O_CLOEXEC
    if !followsLink { flags |= O_NOFOLLOW }
    switch access {
    case .read: flags |= O_RDONLY
    case .write: flags |= O_WRONLY
    case .readWrite: flags |= O_RDWR
    }
    if create { flags |= O_CREAT }
    if exclusive { flags |= O_EXCL }
    if nonblocking { flags |= O_NONBLOCK }
    if directory { flags |= O_DIRECTORY }
    let file = try making(.open) { unsafe Glibc.open(path, flags, mode) }
    if create, mode == owners { restoreMode(of: file) }
    return file
  }

  /// mkfifo(3), for this user only.
  ///
  /// - Parameter isMarked: Whether ``Status/isMarked`` says of it that this made it.
  package static func mkfifo(_ path: String, isMarked: Bool = false) throws(SystemError) {
    let mode = isMarked ? owners | mark : owners
    try system(.mkfifo) { unsafe Glibc.mkfifo(path, mode) }
    restoreMode(of: path, mode)
  }

  /// mkdir(2), for this user only.
  package static func mkdir(_ path: String) throws(SystemError) {
    try system(.mkdir) { unsafe Glibc.mkdir(path, ownersDirectory) }
    restoreMode(of: path, ownersDirectory)
  }

  /// Gives back to a directory of this user's what an umask(2) has taken from its mode: fchmodat(2).
  package static func repair(directory path: String, _ status: Status) throws(SystemError) {
    guard status.mode & ownersDirectory != ownersDirectory else { return }
    try fchmodat(path, status.mode | ownersDirectory)
  }

  /// Gives back to what was just made at a path, for its owner, what umask(2) has taken from its mode: lstat(2), and
  /// fchmodat(2) if it must. If that fails, the next call on the path does too.
  static func restoreMode(of path: String, _ mode: UInt32 = owners) {
    let wanted = mode & ownersDirectory
    if let found = try? stat(path), found.mode & wanted != wanted { try? fchmodat(path, mode) }
  }

  /// The same for an open file: fstat(2), and fchmod(2) if it must.
  static func restoreMode(of file: borrowing Descriptor) {
    guard let found = try? fstat(file), found.mode & owners != owners else { return }
    _ = try? system(.fchmod, .descriptor(file.raw)) { fchmod(file.raw, owners) }
  }

  /// fchmodat(2) with AT_SYMLINK_NOFOLLOW.
  private static func fchmodat(_ path: String, _ mode: UInt32) throws(SystemError) {
    try system(.fchmodat) { unsafe Glibc.fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) }
  }

  /// unlink(2).
  package static func unlink(_ path: String) throws(SystemError) {
    try system(.unlink) { unsafe Glibc.unlink(path) }
  }

  /// rmdir(2).
  package static func rmdir(_ path: String) throws(SystemError) {
    try system(.rmdir) { unsafe Glibc.rmdir(path) }
  }

  /// Whether both paths lead to the same file: stat(2), which follows symbolic links.
  package static func isSame(_ one: String, _ other: String) -> Bool {
    var (first, second) = (Glibc.stat(), Glibc.stat())
    guard unsafe fstatat(AT_FDCWD, one, &first, 0) == 0, unsafe fstatat(AT_FDCWD, other, &second, 0) == 0
    else {
      return false
    }
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino
  }

  /// Whether this process may execute the file, and it isn't a directory: access(2), stat(2).
  package static func isExecutable(_ path: String) -> Bool {
    unsafe Glibc.access(path, X_OK) == 0
      && (try? stat(path, followsLink: true))?.kind != .directory
  }

  /// What a symbolic link contains: readlink(2). Nil if there is no link.
  package static func link(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe readlink(path, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }

  /// lstat(2): of the name itself, and not of what a link points at, unless `followsLink`.
  package static func stat(_ path: String, followsLink: Bool = false) throws(SystemError) -> Status {
    var raw = Glibc.stat()
    try system(.lstat) { unsafe fstatat(AT_FDCWD, path, &raw, followsLink ? 0 : AT_SYMLINK_NOFOLLOW) }
    return status(raw)
  }

  /// fstat(2).
  package static func fstat(_ descriptor: borrowing Descriptor) throws(SystemError) -> Status {
    var raw = Glibc.stat()
    try system(.fstat, .descriptor(descriptor.raw)) { unsafe Glibc.fstat(descriptor.raw, &raw) }
    return status(raw)
  }

  private static func status(_ raw: Glibc.stat) -> Status {
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
      inode: UInt64(raw.st_ino), bytes: Int(raw.st_size), modified: raw.st_mtim.tv_sec)
  }

  /// flock(2) with LOCK_EX, and LOCK_NB unless `wait`. The kernel releases the lock when the last descriptor of this open
  /// file closes, however the process ends.
  ///
  /// - Returns: False when another open file holds the lock, which only a call that doesn't wait finds.
  package static func flock(_ descriptor: borrowing Descriptor, wait: Bool) throws(SystemError) -> Bool {
    do {
      try system(.flock, .descriptor(descriptor.raw, waits: wait)) {
        callFlock(descriptor.raw, LOCK_EX | (wait ? 0 : LOCK_NB))
      }
      return true
    } catch {
      if error.wouldBlock { return false }
      throw error
    }
  }

  /// The text of a small file, at most 4 MiB of it. open(2), read(2).
  package static func readText(_ path: String) throws(SystemError) -> String {
    let file = try open(path, .read)
    return try readText(file)
  }

  /// The text of a small file, at most 4 MiB of it. read(2).
  package static func readText(_ file: borrowing Descriptor) throws(SystemError) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while bytes.count < 4 << 20 {
      let count = try system(.read, .descriptor(file.raw, bytes: chunk.count, waits: true)) {
        unsafe Glibc.read(file.raw, &chunk, chunk.count)
      }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Writes all of a text. write(2).
  package static func writeText(_ file: borrowing Descriptor, _ text: String) throws(SystemError) {
    Streams.ignoreSIGXFSZ
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = try system(.write, .descriptor(file.raw, bytes: rest.count)) {
        unsafe rest.withUnsafeBytes { unsafe Glibc.write(file.raw, $0.baseAddress, $0.count) }
      }
      rest = rest.dropFirst(count)
    }
  }

  /// lseek(2) to the beginning: the next write replaces what the file has.
  package static func rewind(_ file: borrowing Descriptor) throws(SystemError) {
    try system(.lseek, .descriptor(file.raw)) { Glibc.lseek(file.raw, 0, SEEK_SET) }
  }

  /// ftruncate(2) to a length.
  package static func ftruncate(_ file: borrowing Descriptor, to bytes: Int) throws(SystemError) {
    Streams.ignoreSIGXFSZ
    try system(.ftruncate, .descriptor(file.raw)) { Glibc.ftruncate(file.raw, off_t(bytes)) }
  }

  /// ftruncate(2) to nothing, and lseek(2) to the beginning: the next write is the file's first.
  package static func ftruncate(_ file: borrowing Descriptor) throws(SystemError) {
    try system(.ftruncate, .descriptor(file.raw)) { Glibc.ftruncate(file.raw, 0) }
    try rewind(file)
  }

  /// The names in a directory, without `.` and `..`. opendir(3), readdir(3).
  package static func names(in path: String) throws(SystemError) -> [String] {
    // The pointer as a number, which is how the gate knows a failure: null becomes -1.
    let address = try system(.opendir) {
      let directory = unsafe opendir(path)
      return unsafe directory == nil ? -1 : Int(bitPattern: directory)
    }
    return unsafe names(in: OpaquePointer(bitPattern: address)!)
  }

  /// The same in the sight of no hook: for the reader of a trace, whose own calls are none of it.
  static func namesUnobserved(in path: String) throws(SystemError) -> [String] {
    guard let directory = unsafe opendir(path) else { throw SystemError(errno, .opendir) }
    return unsafe names(in: directory)
  }

  private static func names(in directory: OpaquePointer) -> [String] {
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

/// flock(2), outside ``Files`` and unqualified: `Glibc.flock` is the structure of fcntl(2).
private func callFlock(_ descriptor: Int32, _ operation: Int32) -> Int32 { flock(descriptor, operation) }

extension Files.Status {
  /// Whether it is a FIFO that ``Files/mkfifo(_:isMarked:)`` has marked.
  package var isMarked: Bool { kind == .fifo && mode & Files.mark != 0 }
}
