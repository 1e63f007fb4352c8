import Glibc
import SystemCalls

/// Why a program can't be started, as its user can mend it: what is wrong with the path, not only the errno.
extension ChannelError {
  /// The kernel's error for a program's path.
  init(_ error: SystemError, starting path: String) {
    guard error.call == .posixSpawn, let reason = Self.reason(error, path) else {
      self.init(error, .spawn, nil, path)
      return
    }
    self.init(
      error.meansForbidden ? .notAllowed : .system, .spawn, nil, "\(path): \(reason)", errno: error.number)
  }

  private static func reason(_ error: SystemError, _ path: String) -> String? {
    let program = try? Files.stat(path, followsLink: true)
    if error.meansForbidden {
      guard let program else {
        return
          "this user may not use a folder of the path: choose another program, or change the folder's permissions"
      }
      if program.kind == .directory { return "it is a folder: write the path of a program in it" }
      if !Files.isExecutable(path) {
        return "it isn't executable for this user: chmod +x \(path), or choose another program"
      }
    }
    if error.meansMissing {
      return program == nil
        ? "no such program: check the path\(origin(path))"
        : "its interpreter isn't there: check the first line of the script, or install what the program needs"
    }
    if error.meansNotFolder {
      return "a part of the path before its last is a file, not a folder: check the path\(origin(path))"
    }
    if error.meansNotProgram {
      return
        "it isn't a program that this machine can run: a script needs a first line such as #!/bin/sh"
    }
    return nil
  }

  /// What a relative path is relative to.
  private static func origin(_ path: String) -> String {
    path.hasPrefix("/") ? "" : ", which is relative to the working folder \(Processes.workingFolder)"
  }
}
