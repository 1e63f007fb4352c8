import SystemCalls

/// The file that records a named channel's kernel objects, in a private directory, with two FIFOs beside it that are
/// the liveness pipes of the processes that have the channel open.
///
/// The file is locked while a process joins or leaves (``RegistryFile``). A channel ends with its last receiver: an entry whose
/// receivers are gone was left by them, even where senders of theirs still live. The next receiver removes the objects
/// that it names and begins anew, so that no message of an earlier run is taken for one of this run; senders of the earlier
/// one find their channel closed.
final class RegistryEntry: Sendable {
  /// The calls on the file, its FIFOs and its directory.
  static let systemCalls = MechanismTraits.SystemCalls(
    open: [
      "mkdir", "newfstatat", "openat", "getdents64", "flock", "read", "unlink", "mknodat", "ftruncate",
      "lseek",
      "write", "close",
    ], send: [], receive: [], wait: [],
    close: ["openat", "flock", "newfstatat", "read", "unlink", "rmdir", "close"])

  let mechanism: Mechanism
  let name: String
  /// The ids of the channel's objects.
  let ids: [String: String]
  private let path: String
  private let run: String

  private init(_ mechanism: Mechanism, _ name: String, path: String, _ record: RegistryRecord) {
    self.mechanism = mechanism
    self.name = name
    self.path = path
    ids = record.ids
    run = record.run
  }

  private var address: String { "\(mechanism.name):\(name)" }

  // MARK: Joining

  /// How long a receiver waits for a process that is stopped while it joins or leaves; a sender has its caller's deadline.
  private static let lockTime = Duration.seconds(5)
  /// The same for a process that leaves.
  private static let leaveTime = Duration.seconds(1)

  /// Joins as a receiver: makes the name where there is none, or where the receivers of the one that is there are gone.
  ///
  /// - Parameters:
  ///   - sharesReceiving: whether another receiver may have the name too.
  ///   - planned: ids that are known before the objects are made.
  ///   - create: creates the kernel objects with a System V key, and returns their ids.
  static func joinReceiving(
    _ mechanism: Mechanism, _ name: String, sharesReceiving: Bool, type: MessageType?,
    planned: [String: String] = [:], create: (Int32) throws(ChannelError) -> [String: String]
  ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    let file = try RegistryDirectory.file(mechanism, name)
    let path = try RegistryDirectory.make() + "/" + file
    let locked = try RegistryFile.locked(path, create: true, mechanism, until: .within(lockTime))!
    let found = try locked.record(mechanism)
    if let found, isHeld(path + RegistryDirectory.receiversSuffix) {
      let entry = RegistryEntry(mechanism, name, path: path, found)
      try found.check(type, name, mechanism)
      guard sharesReceiving else {
        throw ChannelError(
          .busy, .open, mechanism,
          "\"\(name)\" already has its one receiver: close that receiver, or use another name")
      }
      try KernelObjects.check(found.ids, mechanism, entry.address)
      if let type, found.type == nil {
        // The first receiver with a type decides for those that follow.
        try translating(.open, mechanism, path) { () throws(SystemError) in
          try locked.append(RegistryRecord.typeLine(type), after: found.bytes)
        }
      }
      return (entry, try entry.liveness(.receiver))
    }
    return try begin(mechanism, name, locked, after: found, type: type, planned: planned, create: create)
  }

  /// Begins a new channel under a name that is locked.
  private static func begin(
    _ mechanism: Mechanism, _ name: String, _ locked: borrowing RegistryFile, after found: RegistryRecord?,
    type: MessageType?, planned: [String: String], create: (Int32) throws(ChannelError) -> [String: String]
  ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    let path = locked.path
    let suffixes = [RegistryDirectory.sendersSuffix, RegistryDirectory.receiversSuffix]
    // Senders of the earlier channel keep the FIFOs that they have: their last receiver's has hung up for good.
    for suffix in suffixes { try? Files.unlink(path + suffix) }
    found?.removeObjects()
    let run = String(UInt64.random(in: 1 ... .max), radix: 16)
    let key = SystemVObject.newKey()
    var made = RegistryRecord(
      run: run, ids: planned.merging([KernelObjects.systemKey: String(key)]) { planned, _ in planned })
    do throws(ChannelError) {
      // The key first: a process that dies before it has recorded the ids leaves objects that the key finds.
      try translating(.open, mechanism, path) { () throws(SystemError) in
        try locked.clear()
        try locked.write(made.text(type))
      }
      let ids = try create(key)
      made = RegistryRecord(run: run, ids: KernelObjects.stamped(made.ids.merging(ids) { _, new in new }))
      let entry = RegistryEntry(mechanism, name, path: path, made)
      return try translating(.open, mechanism, path) { () throws(SystemError) in
        for suffix in suffixes { try Files.mkfifo(path + suffix) }
        try locked.write(made.text(type))
        return (entry, try entry.openLiveness(.receiver))
      }
    } catch {
      made.removeObjects()
      RegistryEntry(mechanism, name, path: path, made).remove()
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
    let file = try RegistryDirectory.file(mechanism, name)
    let path = try RegistryDirectory.make() + "/" + file
    var backoff = Backoff(deadline)
    repeat {
      guard let locked = try RegistryFile.locked(path, create: false, mechanism, until: deadline) else {
        continue
      }
      guard let found = try locked.record(mechanism), isHeld(path + RegistryDirectory.receiversSuffix) else {
        continue
      }
      let entry = RegistryEntry(mechanism, name, path: path, found)
      try found.check(type, name, mechanism)
      guard sharesSending || !isHeld(path + RegistryDirectory.sendersSuffix) else {
        throw ChannelError(
          .busy, .open, mechanism,
          "\"\(name)\" already has its one sender: close that sender, or use another name")
      }
      try KernelObjects.check(found.ids, mechanism, entry.address)
      let liveness = try entry.liveness(.sender)
      if liveness.hasNoReceiver { continue }
      return (entry, liveness)
    } while backoff.pause()
    RegistryDirectory.removeIfEmpty()
    throw .noReceiver(mechanism, "\(mechanism.name):\(name)")
  }

  private func liveness(_ side: LivenessPipe.Side) throws(ChannelError) -> LivenessPipe {
    try translating(.open, mechanism, path) { () throws(SystemError) in try openLiveness(side) }
  }

  private func openLiveness(_ side: LivenessPipe.Side) throws(SystemError) -> LivenessPipe {
    // The read ends first, without blocking; with a reader there, opening a write end doesn't block either.
    let (ofSenders, ofReceivers) = (
      path + RegistryDirectory.sendersSuffix, path + RegistryDirectory.receiversSuffix
    )
    let senders = try Files.open(ofSenders, .read, nonblocking: true)
    let receivers = try Files.open(ofReceivers, .read, nonblocking: true)
    let hold = try Files.open(side == .sender ? ofSenders : ofReceivers, .write, nonblocking: true)
    return LivenessPipe(side, hold: hold, senders: senders, receivers: receivers, entry: self)
  }

  /// Whether a living process holds the FIFO's write end.
  static func isHeld(_ fifo: String) -> Bool {
    guard let descriptor = try? Files.open(fifo, .read, nonblocking: true) else { return false }
    return !LivenessPipe.hasNoWriter(descriptor)
  }

  // MARK: Leaving

  /// Runs `body` while no process can join or leave. If another process is stopped while it does, `body` gets false: what the
  /// channel leaves is the next user's of the name.
  func whileLocked<Result>(_ body: (_ isLocked: Bool) -> Result) -> Result {
    do throws(ChannelError) {
      let file = try RegistryFile.locked(
        path, create: false, mechanism, until: .within(Self.leaveTime))
      let result = body(true)
      withExtendedLifetime(file) {}
      return result
    } catch {
      return body(false)
    }
  }

  /// Removes the name, unless another run has it by now.
  func remove() {
    if let text = try? Files.readText(path), let found = RegistryRecord(text), found.run != run { return }
    Self.remove(path)
  }

  /// Removes the files of an entry.
  static func remove(_ path: String) {
    for suffix in [RegistryDirectory.sendersSuffix, RegistryDirectory.receiversSuffix, ""] {
      try? Files.unlink(path + suffix)
    }
    RegistryDirectory.removeIfEmpty()
  }
}
