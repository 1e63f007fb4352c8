import SystemCalls

/// The files that Unix sockets are bound to.
enum UnixPaths {
  /// Not the kernel's: something else than a socket is there.
  static let noSocket = SystemError(-2, .connect)

  /// Binds to a path, in the place of a file behind which nobody listens any more.
  static func bind(
    _ socket: borrowing Descriptor, _ path: String
  ) throws(SystemError) {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) + "/" } ?? "."
    // Two receivers that both find a dead one's file must not remove each other's: the directory is the lock.
    let lock = try Files.open(directory, .read, directory: true)
    var backoff = Backoff(.within(.seconds(5)))
    while try !Files.flock(lock, wait: false), backoff.pause() {}
    try removeDead(path)
    try Sockets.bind(socket, path: path)
    withExtendedLifetime(lock) {}
  }

  /// Removes a socket file of this user's behind which nobody listens any more.
  private static func removeDead(_ path: String) throws(SystemError) {
    guard let status = try? Files.stat(path), status.kind == .socket, status.owner == CurrentProcess.user
    else {
      return
    }
    do throws(SystemError) {
      try Sockets.probe(path: path)
    } catch {
      if error.meansRefused { try Files.unlink(path) }
    }
  }
}
