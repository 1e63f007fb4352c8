import SystemCalls

/// The file that records a named channel's kernel objects, in a private directory, with two FIFOs beside it that are
/// the liveness pipes of the processes that have the channel open.
///
/// The file is locked (flock(2)) while a process joins or leaves. An entry whose liveness pipes no process holds was
/// left by processes that died: the next receiver removes the objects that it names and begins anew, so that no message
/// of an earlier run is taken for one of this run.
final class RegistryEntry: Sendable {
  /// The calls on the file, its FIFOs and its directory.
  static let systemCalls = MechanismTraits.SystemCalls(
    open: [
      "mkdir", "newfstatat", "openat", "flock", "read", "unlink", "mknodat", "ftruncate", "lseek", "write",
      "close",
    ], send: [], receive: [], wait: [],
    close: ["openat", "flock", "newfstatat", "read", "unlink", "rmdir", "close"])

  let mechanism: Mechanism
  let name: String
  /// The ids of the channel's objects.
  let ids: [String: String]
  private let path: String
  private let run: String

  private init(_ mechanism: Mechanism, _ name: String, path: String, ids: [String: String], run: String) {
    self.mechanism = mechanism
    self.name = name
    self.path = path
    self.ids = ids
    self.run = run
  }

  // MARK: The directory

  /// `IPC_RUNTIME_DIRECTORY`, or `swift-ipc` in `XDG_RUNTIME_DIR`, or `/tmp/swift-ipc-UID`: this user's alone.
  static func directory() throws(ChannelError) -> String {
    let path =
      if let chosen = Processes.variable("IPC_RUNTIME_DIRECTORY") {
        chosen
      } else if let runtime = Processes.variable("XDG_RUNTIME_DIR"), !runtime.isEmpty,
        (try? Files.stat(runtime))?.owner == CurrentProcess.user
      {
        runtime + "/swift-ipc"
      } else {
        "/tmp/swift-ipc-\(CurrentProcess.user)"
      }
    do throws(SystemError) {
      try Files.mkdir(path)
    } catch {
      guard error.meansTaken else { throw ChannelError(error, .open, nil, path) }
    }
    let status = try translating(.open, nil, path) { () throws(SystemError) in try Files.stat(path) }
    guard status.kind == .directory, status.owner == CurrentProcess.user, status.mode & 0o077 == 0 else {
      throw ChannelError(
        .notAllowed, .open, nil,
        "\(path) must be a directory of this user's alone (mode 0700): remove it, or set IPC_RUNTIME_DIRECTORY"
      )
    }
    return path
  }

  private static let longestName = 100
  private static let sendersSuffix = ".senders", receiversSuffix = ".receivers"

  private static func path(_ mechanism: Mechanism, _ name: String) throws(ChannelError) -> String {
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
    return try directory() + "/\(mechanism.name).\(name)"
  }

  // MARK: Joining

  /// Joins as a receiver: makes the name where there is none, or where only dead processes left one.
  ///
  /// - Parameters:
  ///   - sharesReceiving: whether another receiver may have the name too.
  ///   - create: creates the kernel objects and returns their ids.
  static func joinReceiving(
    _ mechanism: Mechanism, _ name: String, sharesReceiving: Bool, type: MessageType?,
    create: () throws(ChannelError) -> [String: String]
  ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    let path = try path(mechanism, name)
    let file = try lockedFile(path, create: true, mechanism)!
    let found = parse(try read(file, path, mechanism))
    if let found, isHeld(path + sendersSuffix) || isHeld(path + receiversSuffix) {
      try found.check(type, name, mechanism)
      guard sharesReceiving || !isHeld(path + receiversSuffix) else {
        throw ChannelError(
          .busy, .open, mechanism,
          "\"\(name)\" already has its one receiver: close that receiver, or use another name")
      }
      let entry = RegistryEntry(mechanism, name, path: path, ids: found.ids, run: found.run)
      try entry.record(type, found, file)
      return (entry, try entry.liveness(.receiver))
    }
    if let found { ResourceCleaner.remove(found.ids) }
    let run = String(UInt64.random(in: 1 ... .max), radix: 16)
    let ids: [String: String]
    do throws(ChannelError) {
      ids = try create()
    } catch {
      try? Files.unlink(path)
      throw error
    }
    let entry = RegistryEntry(mechanism, name, path: path, ids: ids, run: run)
    do throws(ChannelError) {
      return try translating(.open, mechanism, path) { () throws(SystemError) in
        for suffix in [sendersSuffix, receiversSuffix] {
          try? Files.unlink(path + suffix)
          try Files.mkfifo(path + suffix)
        }
        try Files.ftruncate(file)
        try Files.writeText(file, entry.text(type))
        return (entry, try entry.openLiveness(.receiver))
      }
    } catch {
      ResourceCleaner.remove(ids)
      entry.remove()
      throw error
    }
  }

  /// Joins as a sender: waits until a receiver is there.
  ///
  /// - Parameter sharesSending: whether another sender may have the name too.
  static func joinSending(
    _ mechanism: Mechanism, _ name: String, sharesSending: Bool, type: MessageType?,
    until deadline: Deadline
  ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    let path = try path(mechanism, name)
    var backoff = Backoff(deadline)
    repeat {
      guard let file = try lockedFile(path, create: false, mechanism) else { continue }
      guard let found = parse(try read(file, path, mechanism)), isHeld(path + receiversSuffix) else {
        continue
      }
      try found.check(type, name, mechanism)
      guard sharesSending || !isHeld(path + sendersSuffix) else {
        throw ChannelError(
          .busy, .open, mechanism,
          "\"\(name)\" already has its one sender: close that sender, or use another name")
      }
      let entry = RegistryEntry(mechanism, name, path: path, ids: found.ids, run: found.run)
      let liveness = try entry.liveness(.sender)
      if liveness.hasNoReceiver { continue }
      return (entry, liveness)
    } while backoff.pause()
    removeDirectoryIfEmpty(path)
    throw .noReceiver(mechanism, "\(mechanism.name):\(name)")
  }

  private func liveness(_ side: LivenessPipe.Side) throws(ChannelError) -> LivenessPipe {
    try translating(.open, mechanism, path) { () throws(SystemError) in try openLiveness(side) }
  }

  private func openLiveness(_ side: LivenessPipe.Side) throws(SystemError) -> LivenessPipe {
    // The read ends first, without blocking; with a reader there, opening a write end doesn't block either.
    let senders = try Files.open(path + Self.sendersSuffix, .read, nonblocking: true)
    let receivers = try Files.open(path + Self.receiversSuffix, .read, nonblocking: true)
    let own = path + (side == .sender ? Self.sendersSuffix : Self.receiversSuffix)
    let hold = try Files.open(own, .write, nonblocking: true)
    return LivenessPipe(side, hold: hold, senders: senders, receivers: receivers, entry: self)
  }

  /// Whether a living process holds the FIFO's write end.
  private static func isHeld(_ fifo: String) -> Bool {
    guard let descriptor = try? Files.open(fifo, .read, nonblocking: true) else { return false }
    return !LivenessPipe.hasNoWriter(descriptor)
  }

  /// Removes the directory with the last name in it, unless the user chose it.
  private static func removeDirectoryIfEmpty(_ path: String) {
    guard Processes.variable("IPC_RUNTIME_DIRECTORY") == nil, let slash = path.lastIndex(of: "/") else {
      return
    }
    try? Files.rmdir(String(path[..<slash]))
  }

  // MARK: The file

  /// How often the file may be found removed between open(2) and flock(2).
  private static let maximumAttempts = 1000

  /// The entry's file, locked; nil if there is none and `create` is false.
  private static func lockedFile(
    _ path: String, create: Bool, _ mechanism: Mechanism
  ) throws(ChannelError) -> Descriptor? {
    for _ in 0..<maximumAttempts {
      do throws(SystemError) {
        let file = try Files.open(path, .readWrite, create: create)
        _ = try Files.flock(file, wait: true)
        // The last endpoint that left may have removed it between the two calls.
        let mine = try Files.fstat(file)
        if let now = try? Files.stat(path), now.inode == mine.inode { return file }
      } catch {
        if error.meansMissing {
          if !create { return nil }
          // Another process has removed the directory with its last name between the two calls.
          _ = try directory()
          continue
        }
        throw ChannelError(error, .open, mechanism, path)
      }
    }
    throw ChannelError(
      .busy, .open, mechanism, "other processes make and remove \(path) all the time: try another name")
  }

  private static func read(
    _ file: borrowing Descriptor, _ path: String, _ mechanism: Mechanism
  ) throws(ChannelError) -> String {
    do throws(SystemError) {
      return try Files.readText(file)
    } catch {
      throw ChannelError(error, .open, mechanism, path)
    }
  }

  private static let firstWord = "swift-ipc"
  private static let runKey = "run", typeKey = "type"

  /// - Parameter type: what the channel's messages are; nil: any.
  private func text(_ type: MessageType?) -> String {
    "\(Self.firstWord) \(WireFormat.version)\n\(Self.runKey) \(run)\n" + Self.typeLine(type)
      + ids.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
  }

  private static func typeLine(_ type: MessageType?) -> String {
    type.map { "\(typeKey) \($0.text)\n" } ?? ""
  }

  /// The first receiver with a type decides for those that follow. The line goes behind the others; what a failure leaves
  /// of it is taken back.
  /// - Parameter file: locked, and read to its end.
  private func record(
    _ type: MessageType?, _ found: Content, _ file: borrowing Descriptor
  ) throws(ChannelError) {
    guard let type, found.type == nil else { return }
    do throws(SystemError) {
      try Files.writeText(file, Self.typeLine(type))
    } catch {
      try? Files.ftruncate(file, to: found.bytes)
      throw ChannelError(error, .open, mechanism, path)
    }
  }

  /// An entry's content.
  private struct Content {
    let version: Int
    /// How many bytes the file has.
    let bytes: Int
    let run: String
    /// The line of the type; nil: there is none, and any type fits.
    let type: String?
    let ids: [String: String]

    /// Compares with what this process is about to open.
    func check(_ mine: MessageType?, _ name: String, _ mechanism: Mechanism) throws(ChannelError) {
      guard version == WireFormat.version else { throw .versionMismatch(version, .open, mechanism) }
      guard let line = type else { return }
      guard let type = MessageType(text: line) else {
        throw ChannelError(
          .typeMismatch, .open, mechanism,
          "the type of \(mechanism.name):\(name) can't be read from its registry entry: close the channel everywhere, and open it again"
        )
      }
      try MessageType.check(mine, type, .open, mechanism)
    }
  }

  /// Nil: the text isn't an entry. One of another version says its version and, as far as they have the same form, its
  /// objects.
  private static func parse(_ text: String) -> Content? {
    let lines = text.split(separator: "\n")
    let first = lines.first?.split(separator: " ") ?? []
    guard first.count == 2, first[0].elementsEqual(firstWord), let version = Int(first[1]) else { return nil }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      // Not by characters: garbage may begin with a scalar that would combine with the space.
      let words = line.unicodeScalars.split(separator: " ", maxSplits: 1).map { String($0) }
      if words.count == 2 || words == [typeKey] { fields[words[0]] = words.count == 2 ? words[1] : "" }
    }
    guard let run = fields.removeValue(forKey: runKey) ?? (version == WireFormat.version ? nil : "") else {
      return nil
    }
    return Content(
      version: version, bytes: text.utf8.count, run: run, type: fields.removeValue(forKey: typeKey),
      ids: fields)
  }

  /// Runs `body` while no process can join or leave.
  func whileLocked<Result>(_ body: () -> Result) -> Result {
    let file = try? Self.lockedFile(path, create: false, mechanism)
    let result = body()
    withExtendedLifetime(file) {}
    return result
  }

  /// Removes the name, unless another run has it by now.
  func remove() {
    if let text = try? Files.readText(path), let found = Self.parse(text), found.run != run { return }
    for suffix in [Self.sendersSuffix, Self.receiversSuffix, ""] { try? Files.unlink(path + suffix) }
    Self.removeDirectoryIfEmpty(path)
  }
}
