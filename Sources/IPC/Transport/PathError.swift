import SystemCalls

/// Why a channel can't be opened at a path, as its user can mend it: the folder that isn't there, not only the path.
extension ChannelError {
  /// The kernel's error at a path.
  init(_ error: SystemError, at path: String, _ mechanism: Mechanism) {
    guard let reason = Self.reason(error, path) else {
      self.init(error, .open, mechanism, path)
      return
    }
    self.init(
      error.meansForbidden ? .notAllowed : .system, .open, mechanism, "\(path): \(reason)",
      errno: error.number)
  }

  /// No process receives at a path, in the time that the sender had.
  static func noReceiver(_ mechanism: Mechanism, at path: String) -> ChannelError {
    if let reason = missing(folder(of: path)) {
      return ChannelError(.noReceiver, .open, mechanism, "no process receives on \(path): \(reason)")
    }
    return .noReceiver(mechanism, path)
  }

  private static func reason(_ error: SystemError, _ path: String) -> String? {
    let folder = folder(of: path)
    if error.meansMissing { return missing(folder) }
    if error.meansNotFolder { return "\(folder) isn't a folder: use a path in a folder" }
    // A file in the folder can't be made, or not even looked at.
    if error.meansForbidden, error.meansMaking || (try? Files.stat(path)) == nil {
      return "this user may not use the folder \(folder): choose another, or change its permissions"
    }
    if error.meansTooLong, path.utf8.count > Sockets.longestPath, error.meansSocketPath {
      return
        "the path has \(path.utf8.count) bytes, and a socket's path at most \(Sockets.longestPath): use a shorter one"
    }
    if error.meansTooLong { return "the path is too long for the file system: use a shorter one" }
    return nil
  }

  private static func missing(_ folder: String) -> String? {
    // With a slash, which follows a symbolic link to a folder.
    do throws(SystemError) {
      _ = try Files.stat(folder + "/")
      return nil
    } catch {
      return error.meansMissing ? "the folder \(folder) isn't there: make it first" : nil
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
