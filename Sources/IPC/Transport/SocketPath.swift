import SystemCalls

/// The files that Unix sockets are bound to.
enum SocketPath {
  /// How long another process of this user may take to open the path. It takes microseconds, unless it is stopped.
  private static let lockTime = Duration.seconds(5)
  private static let lockSuffix = ".lock"

  /// Binds and listens at a path, in the place of a file that no process listens behind any more: bind(2), listen(2).
  ///
  /// Two receivers that both find a dead one's file must not remove each other's: they take turns, with flock(2) on a file
  /// beside it, which only this user can open, and which is removed at once; one that a killed process has left goes with the
  /// path's receiver. Not on the folder, which others can lock too.
  /// - Returns: the file's inode.
  static func listen(_ socket: borrowing Descriptor, at path: String) throws(SystemError) -> UInt64? {
    let lockPath = path + lockSuffix
    switch try lock(lockPath, for: path) {
    case .some(let lock):
      defer { if let mine = try? Files.fstat(lock), isLock(mine) { try? Files.unlink(lockPath) } }
      try bind(socket, replacing: path)
    case .none: try Sockets.bind(socket, path: path)
    }
    try Sockets.listen(socket)
    return (try? Files.stat(path))?.inode
  }

  /// With the lock: removes what a dead receiver left, also if it dies just now.
  private static func bind(_ socket: borrowing Descriptor, replacing path: String) throws(SystemError) {
    if isUnused(path) { try Files.unlink(path) }
    do throws(SystemError) {
      try Sockets.bind(socket, path: path)
    } catch {
      guard error.meansTaken, isUnused(path) else { throw error }
      try Files.unlink(path)
      try Sockets.bind(socket, path: path)
    }
  }

  /// The lock; nil if it can't be had, or isn't needed: then nothing is removed, and bind(2) says why the path can't be
  /// used.
  private static func lock(_ lockPath: String, for path: String) throws(SystemError) -> Descriptor? {
    var backoff = Backoff(.within(lockTime))
    repeat {
      guard let file = try? Files.open(lockPath, .readWrite, create: true),
        let mine = try? Files.fstat(file), mine.kind == .regular, mine.owner == CurrentProcess.user
      else { return nil }
      // The process that had it before may have removed it between the two calls.
      if try Files.flock(file, wait: false) {
        if (try? Files.stat(lockPath))?.inode == mine.inode { return file }
      } else if let found = try? Files.stat(path), found.kind != .socket || !isUnused(path) {
        return nil
      }
    } while backoff.pause()
    throw SystemError(waiting: .flock)
  }

  /// Whether the path has a socket's file of this user's that no process listens behind any more.
  private static func isUnused(_ path: String) -> Bool {
    guard let status = try? Files.stat(path), status.kind == .socket, status.owner == CurrentProcess.user
    else { return false }
    do throws(SystemError) {
      try Sockets.probe(path: path)
      return false
    } catch {
      return error.meansRefused
    }
  }

  /// Removes the file, if it is still the one with this inode.
  static func remove(_ path: String, _ inode: UInt64?) {
    if let inode, (try? Files.stat(path))?.inode == inode { try? Files.unlink(path) }
    removeLock(path + lockSuffix)
  }

  /// Removes the lock's file that a process which was killed while it opened the path has left.
  private static func removeLock(_ lockPath: String) {
    guard let found = try? Files.stat(lockPath), isLock(found),
      let file = try? Files.open(lockPath, .readWrite, nonblocking: true),
      let mine = try? Files.fstat(file), isLock(mine), (try? Files.flock(file, wait: false)) == true,
      // No process had it: one that has opened it by now finds that its name is gone, and makes another.
      (try? Files.stat(lockPath))?.inode == mine.inode
    else { return }
    try? Files.unlink(lockPath)
  }

  /// Whether this can be the lock's file: nothing is ever written into that. With content it is another program's.
  private static func isLock(_ status: Files.Status) -> Bool {
    status.kind == .regular && status.owner == CurrentProcess.user && status.bytes == 0
  }

  /// Connects to the socket at a path: connect(2). Never waits.
  /// - Parameter socket: in non-blocking mode.
  /// - Throws: `wrongKind` if the path holds something else, `notAllowed` if another user listens; the kernel's error,
  ///   which may mean that no process listens, or takes in connections, now (``ChannelError/meansNoReceiver``).
  static func connect(
    _ socket: borrowing Descriptor, to path: String, _ mechanism: Mechanism
  ) throws(ChannelError) {
    // connect(2) would follow a symbolic link, to wherever it leads.
    if let status = try? Files.stat(path), status.kind != .socket { throw wrongKind(path, mechanism) }
    let user: UInt32
    do throws(SystemError) {
      try Sockets.connect(socket, path: path)
      user = try Sockets.getsockopt(peerUser: socket)
    } catch {
      if error.meansWrongSocketType {
        throw ChannelError(
          .wrongKind, .open, mechanism,
          "\(path) is a socket of another type: write ?type=stream or ?type=packet")
      }
      // As many connections wait as the listener allows.
      if error.wouldBlock { throw .noAnswer(mechanism, path) }
      throw ChannelError(error, at: path, mechanism)
    }
    guard user == CurrentProcess.user else { throw anotherUser(user, path, mechanism) }
  }

  private static func anotherUser(_ user: UInt32, _ path: String, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(.notAllowed, .open, mechanism, "\(path) is user \(user)'s: use another path")
  }

  static func anotherProgram(_ path: String, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .wrongKind, .open, mechanism,
      "a program that isn't a channel's receiver listens on \(path): use another path")
  }

  static func wrongKind(_ path: String, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .wrongKind, .open, mechanism, "\(path) isn't a socket: use another path, or remove what is there")
  }

  /// Why a receiver can't have a path.
  static func explain(_ error: SystemError, _ path: String, _ mechanism: Mechanism) -> ChannelError {
    if error.call == .flock {
      return ChannelError(
        .busy, .open, mechanism,
        "another process is opening \(path), and doesn't finish: it may be stopped; continue or end it, or use another path"
      )
    }
    guard error.meansTaken else { return ChannelError(error, at: path, mechanism) }
    if let status = try? Files.stat(path) {
      if status.kind != .socket { return wrongKind(path, mechanism) }
      if status.owner != CurrentProcess.user { return anotherUser(status.owner, path, mechanism) }
    }
    if isUnused(path), let lock = try? Files.stat(path + lockSuffix),
      lock.kind != .regular || lock.owner != CurrentProcess.user
    {
      return ChannelError(
        .notAllowed, .open, mechanism,
        "\(path) is what a receiver that died has left, and it can't be replaced: \(path)\(lockSuffix) must be a file of this user's, or not be there"
      )
    }
    return ChannelError(
      .busy, .open, mechanism,
      "\(path) already has its one receiver: close that receiver, or use another path")
  }
}
