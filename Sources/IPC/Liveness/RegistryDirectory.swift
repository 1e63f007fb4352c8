import SystemCalls

/// The private directory in which registry entries lie.
package enum RegistryDirectory {
  /// `IPC_RUNTIME_DIRECTORY`, or `swift-ipc` in `XDG_RUNTIME_DIR`, or `/tmp/swift-ipc-UID`.
  package static var path: String {
    if let chosen = Processes.variable("IPC_RUNTIME_DIRECTORY") {
      chosen
    } else if let runtime = Processes.variable("XDG_RUNTIME_DIR"), !runtime.isEmpty,
      (try? Files.stat(runtime))?.owner == CurrentProcess.user
    {
      runtime + "/swift-ipc"
    } else {
      "/tmp/swift-ipc-\(CurrentProcess.user)"
    }
  }

  /// The directory, which is made if it isn't there: this user's alone.
  static func make() throws(ChannelError) -> String {
    let path = path
    do throws(SystemError) {
      try Files.mkdir(path)
    } catch {
      guard error.meansTaken else { throw ChannelError(error, .open, nil, path) }
    }
    let status = try translating(.open, nil, path) { () throws(SystemError) in try Files.stat(path) }
    guard isPrivate(status) else { throw notPrivate(path) }
    try translating(.open, nil, path) { () throws(SystemError) in
      try Files.repair(directory: path, status)
    }
    return path
  }

  static func isPrivate(_ status: Files.Status) -> Bool {
    status.kind == .directory && status.owner == CurrentProcess.user && status.mode & 0o077 == 0
  }

  static func notPrivate(_ path: String) -> ChannelError {
    ChannelError(
      .notAllowed, .open, nil,
      "\(path) must be a directory of this user's alone (mode 0700): remove it, or set IPC_RUNTIME_DIRECTORY"
    )
  }

  /// Removes the directory with the last entry in it, unless the user chose it.
  static func removeIfEmpty() {
    if Processes.variable("IPC_RUNTIME_DIRECTORY") == nil { try? Files.rmdir(path) }
  }

  // MARK: Names

  private static let longestName = 100
  static let sendersSuffix = ".senders", receiversSuffix = ".receivers"

  /// The file of a channel with a name: `queue.jobs`. In an IPC namespace of its own a process has kernel objects of its own,
  /// and a file of its own: `queue.jobs@4026532201`.
  static func file(_ mechanism: Mechanism, _ name: String) throws(ChannelError) -> String {
    let allowed = name.unicodeScalars.allSatisfy {
      ("0"..."9").contains($0) || ("A"..."Z").contains($0) || ("a"..."z").contains($0) || $0 == "-"
        || $0 == "_"
        || $0 == "."
    }
    guard !name.isEmpty, name.utf8.count <= longestName, allowed, !name.hasPrefix("."),
      !name.hasSuffix(sendersSuffix), !name.hasSuffix(receiversSuffix)
    else {
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "invalid name \"\(name)\": write 1 to \(longestName) letters, digits, dots, dashes or underscores, such as \(mechanism.name):jobs"
      )
    }
    return "\(mechanism.name).\(name)\(namespaceSuffix)"
  }

  private static let anonymousPrefix = "anonymous."

  /// The file of a channel without a name, by the key of its objects: `anonymous.1804289383`.
  static func anonymousFile(_ key: Int32) -> String { "\(anonymousPrefix)\(key)\(namespaceSuffix)" }

  static func isAnonymous(_ file: String) -> Bool { file.hasPrefix(anonymousPrefix) }

  /// Whether the file is an entry, of this process's IPC namespace: none of the FIFOs beside one.
  static func isEntry(_ file: String) -> Bool {
    !file.hasSuffix(sendersSuffix) && !file.hasSuffix(receiversSuffix)
      && (namespaceSuffix.isEmpty ? !file.contains("@") : file.hasSuffix(namespaceSuffix))
  }

  private static let namespaceSuffix = IPCNamespace.current.map { "@\($0)" } ?? ""
}

/// The IPC namespace of this process (namespaces(7)), whose objects it sees.
enum IPCNamespace {
  /// Its number, from `/proc/self/ns/ipc`.
  static let number = (try? Files.stat("/proc/self/ns/ipc", followsLink: true))?.inode ?? initial

  /// That of the machine itself: PROC_IPC_INIT_INO of linux/proc_ns.h.
  private static let initial: UInt64 = 0xEFFF_FFFF

  /// The number of a namespace that isn't the machine's own.
  static var current: UInt64? { number == initial ? nil : number }
}
