import SystemCalls

/// Where a name's objects are written down: a file per channel in a private directory, with the ids of what the
/// kernel keeps, and two FIFOs beside it that are the livenessPipes of whoever has it open.
///
/// The file is locked while someone joins or leaves. A record whose livenessPipes nobody holds was left by processes
/// that died: the next receiver removes what it names and begins anew, so that no message of an earlier run is
/// taken for one of this.
package final class RegistryEntry: Sendable {
  package let mechanism: Mechanism
  package let name: String
  package let parameters: [String: String]
  private let path: String
  private let run: String

  private init(
    _ mechanism: Mechanism, _ name: String, path: String, parameters: [String: String], run: String
  ) {
    self.mechanism = mechanism
    self.name = name
    self.path = path
    self.parameters = parameters
    self.run = run
  }

  package func integer(_ key: String) throws(ChannelError) -> Int {
    guard let text = parameters[key], let value = Int(text) else {
      throw ChannelError(.system, .open, mechanism, "\(path) lacks \(key): remove it if no process uses it")
    }
    return value
  }

  // MARK: The directory

  /// `IPC_RUNTIME_DIRECTORY`, or `swift-ipc` in `XDG_RUNTIME_DIR`, or `/tmp/swift-ipc-UID`: this user's alone.
  package static func directory() throws(ChannelError) -> String {
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

  private static func path(_ mechanism: Mechanism, _ name: String) throws(ChannelError) -> String {
    let allowed = name.utf8.allSatisfy {
      ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 45 || $0 == 95
        || $0 == 46
    }
    guard !name.isEmpty, name.utf8.count <= 100, allowed, name.utf8.first != 46,
      !name.hasSuffix(".senders"), !name.hasSuffix(".receivers")
    else {
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "\"\(name)\" is no name: write 1 to 100 letters, digits, dots, dashes or underscores, such as \(mechanism.name):jobs"
      )
    }
    return try directory() + "/\(mechanism.name).\(name)"
  }

  // MARK: Joining

  /// What a mechanism does with a name.
  package struct Rules {
    package var manySenders: Bool
    package var manyReceivers: Bool
    /// Makes the kernel's objects and says where they are.
    package var create: () throws(ChannelError) -> [String: String]
    /// Removes what `create` made; also in a record that dead processes left.
    package var remove: ([String: String]) -> Void

    package init(
      manySenders: Bool, manyReceivers: Bool, create: @escaping () throws(ChannelError) -> [String: String],
      remove: @escaping ([String: String]) -> Void
    ) {
      self.manySenders = manySenders
      self.manyReceivers = manyReceivers
      self.create = create
      self.remove = remove
    }
  }

  /// Joins as a receiver: makes the name where there is none, or where only the dead left one.
  package static func joinReceiving(
    _ mechanism: Mechanism, _ name: String, _ rules: Rules
  ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    let path = try path(mechanism, name)
    let file = try lockedFile(path, create: true, mechanism)!
    let found = parse(try read(file, path, mechanism))
    if let found, alive(path + ".senders") || alive(path + ".receivers") {
      guard rules.manyReceivers || !alive(path + ".receivers") else {
        throw ChannelError(
          .busy, .open, mechanism, "\"\(name)\" has its one receiver already: close it, or use another name")
      }
      let record = RegistryEntry(mechanism, name, path: path, parameters: found.parameters, run: found.run)
      return (record, try record.liveness(.receiver))
    }
    if let found { rules.remove(found.parameters) }
    let run = String(UInt64.random(in: 1 ... .max), radix: 16)
    let parameters: [String: String]
    do throws(ChannelError) {
      parameters = try rules.create()
    } catch {
      try? Files.unlink(path)
      throw error
    }
    let record = RegistryEntry(mechanism, name, path: path, parameters: parameters, run: run)
    do throws(ChannelError) {
      return try translating(.open, mechanism, path) { () throws(SystemError) in
        for side in [".senders", ".receivers"] {
          try? Files.unlink(path + side)
          try Files.mkfifo(path + side)
        }
        try Files.ftruncate(file)
        try Files.writeText(file, record.text)
        return (record, try record.openLifeline(.receiver))
      }
    } catch {
      rules.remove(parameters)
      record.remove()
      throw error
    }
  }

  /// Joins as a sender: waits until a receiver is there.
  package static func joinSending(
    _ mechanism: Mechanism, _ name: String, _ rules: Rules, until deadline: Deadline
  ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    let path = try path(mechanism, name)
    var backoff = Backoff(deadline)
    repeat {
      guard let file = try lockedFile(path, create: false, mechanism) else { continue }
      guard let found = parse(try read(file, path, mechanism)), alive(path + ".receivers") else { continue }
      guard rules.manySenders || !alive(path + ".senders") else {
        throw ChannelError(
          .busy, .open, mechanism, "\"\(name)\" has its one sender already: close it, or use another name")
      }
      let record = RegistryEntry(mechanism, name, path: path, parameters: found.parameters, run: found.run)
      let liveness = try record.liveness(.sender)
      if liveness.nobodyReceives { continue }
      return (record, liveness)
    } while backoff.pause()
    tidy(path)
    throw ChannelError(
      .noReceiver, .open, mechanism,
      "nobody receives on \(mechanism.name):\(name): start the receiver first, or wait longer for it")
  }

  private func liveness(_ side: LivenessPipe.Side) throws(ChannelError) -> LivenessPipe {
    try translating(.open, mechanism, path) { () throws(SystemError) in try openLifeline(side) }
  }

  private func openLifeline(_ side: LivenessPipe.Side) throws(SystemError) -> LivenessPipe {
    // Reading ends first, without blocking; with a reader there, opening a writing end doesn't block either.
    let senders = try Files.open(path + ".senders", .read, nonblocking: true)
    let receivers = try Files.open(path + ".receivers", .read, nonblocking: true)
    let own = side == .sender ? path + ".senders" : path + ".receivers"
    let hold = try Files.open(own, .write, nonblocking: true)
    return LivenessPipe(side, hold: hold, senders: senders, receivers: receivers, record: self)
  }

  /// Whether a living process holds the writing end.
  private static func alive(_ fifo: String) -> Bool {
    guard let descriptor = try? Files.open(fifo, .read, nonblocking: true) else { return false }
    return !LivenessPipe.nobodyWrites(descriptor)
  }

  /// The directory goes with the last name in it, unless somebody chose it.
  private static func tidy(_ path: String) {
    guard Processes.variable("IPC_RUNTIME_DIRECTORY") == nil, let slash = path.lastIndex(of: "/") else {
      return
    }
    try? Files.rmdir(String(path[..<slash]))
  }

  // MARK: The file

  /// The record's file, locked; nil when there is none and none is to be made.
  private static func lockedFile(
    _ path: String, create: Bool, _ mechanism: Mechanism
  ) throws(ChannelError) -> Descriptor? {
    for _ in 0..<1000 {
      do throws(SystemError) {
        let file = try Files.open(path, .readWrite, create: create)
        _ = try Files.flock(file, wait: true)
        // Whoever left last may have removed it between the two calls.
        let mine = try Files.fstat(file)
        if let now = try? Files.stat(path), now.inode == mine.inode { return file }
      } catch {
        if error.meansMissing {
          if !create { return nil }
          // The directory went with the last name in it, between the two calls.
          _ = try directory()
          continue
        }
        throw ChannelError(error, .open, mechanism, path)
      }
    }
    throw ChannelError(
      .busy, .open, mechanism, "\(path) is made and removed again and again: try another name")
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

  private var text: String {
    let lines =
      ["swift-ipc 1", "run \(run)"] + parameters.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func parse(_ text: String) -> (run: String, parameters: [String: String])? {
    let lines = text.split(separator: "\n")
    guard lines.first == "swift-ipc 1" else { return nil }
    var parameters: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2 { parameters[String(parts[0])] = String(parts[1]) }
    }
    guard let run = parameters.removeValue(forKey: "run") else { return nil }
    return (run, parameters)
  }

  /// Runs `body` while nobody can join or leave.
  package func whileLocked<Result>(_ body: () -> Result) -> Result {
    let file = try? Self.lockedFile(path, create: false, mechanism)
    let result = body()
    withExtendedLifetime(file) {}
    return result
  }

  /// Removes the name, unless another run has it by now.
  package func remove() {
    if let text = try? Files.readText(path), let found = Self.parse(text), found.run != run { return }
    for end in [".senders", ".receivers", ""] { try? Files.unlink(path + end) }
    Self.tidy(path)
  }
}

/// Waiting for somebody else to come, where the kernel has nothing to wait on: pauses of 1 to 20 ms.
package struct Backoff {
  private let deadline: Deadline
  private var milliseconds: UInt64 = 1

  package init(_ deadline: Deadline) { self.deadline = deadline }

  /// False when there is no time left.
  package mutating func pause() -> Bool {
    if deadline.hasPassed { return false }
    Clock.sleep(nanoseconds: deadline.remaining(atMost: milliseconds * 1_000_000))
    milliseconds = min(milliseconds * 2, 20)
    return true
  }
}
