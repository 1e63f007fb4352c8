import SystemCalls

/// The files that Unix sockets are bound to.
enum SocketPath {
  private static let lockTime = Duration.seconds(5)

  /// Binds and listens at a path, in the place of a file that no process listens behind any more: bind(2), listen(2).
  /// - Returns: the file's inode.
  static func listen(_ socket: borrowing Descriptor, at path: String) throws(SystemError) -> UInt64? {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) + "/" } ?? "."
    // Two receivers that both find a dead one's file must not remove each other's: the directory is the lock.
    let lock = try Files.open(directory, .read, directory: true)
    var backoff = Backoff(.within(lockTime))
    while try !Files.flock(lock, wait: false), backoff.pause() {}
    try removeUnused(path)
    try Sockets.bind(socket, path: path)
    withExtendedLifetime(lock) {}
    try Sockets.listen(socket)
    return (try? Files.stat(path))?.inode
  }

  /// Removes a socket's file of this user's that no process listens behind any more.
  private static func removeUnused(_ path: String) throws(SystemError) {
    guard let status = try? Files.stat(path), status.kind == .socket, status.owner == CurrentProcess.user
    else { return }
    do throws(SystemError) {
      try Sockets.probe(path: path)
    } catch {
      if error.meansRefused { try Files.unlink(path) }
    }
  }

  /// Removes the file, if it is still the one with this inode.
  static func remove(_ path: String, _ inode: UInt64?) {
    if let inode, (try? Files.stat(path))?.inode == inode { try? Files.unlink(path) }
  }

  /// Connects to the socket at a path: connect(2).
  /// - Throws: `wrongKind` if the path holds something else, `notAllowed` if another user listens; the kernel's error,
  ///   which may mean that no process listens (``ChannelError/meansNoReceiver``).
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
      throw ChannelError(error, at: path, mechanism)
    }
    guard user == CurrentProcess.user else { throw anotherUser(path, mechanism) }
  }

  static func anotherUser(_ path: String, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(.notAllowed, .open, mechanism, "\(path) is another user's: use another path")
  }

  static func wrongKind(_ path: String, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .wrongKind, .open, mechanism, "\(path) isn't a socket: use another path, or remove what is there")
  }

  /// Why a receiver can't have a path.
  static func explain(_ error: SystemError, _ path: String, _ mechanism: Mechanism) -> ChannelError {
    guard error.meansTaken else { return ChannelError(error, at: path, mechanism) }
    if let status = try? Files.stat(path), status.kind != .socket { return wrongKind(path, mechanism) }
    return ChannelError(
      .busy, .open, mechanism,
      "\(path) already has its one receiver: close that receiver, or use another path")
  }
}
