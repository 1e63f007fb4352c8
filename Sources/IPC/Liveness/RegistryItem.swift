import Glibc
import SystemCalls

/// Something in the registry directory: an entry, whole or not, or a file that is none. For those who look at what exists:
/// `ipc list`, `ipc who` and `ipc clean`.
package struct RegistryItem: Sendable {
  /// What its kernel objects are to this process.
  package enum State: Sendable, Hashable {
    /// A process has the channel open.
    case used
    /// A process opens or closes it just now.
    case locked
    /// No process has it: it can be removed.
    case unused
    /// Its objects are in another IPC namespace, from which alone they can be removed.
    case ofOtherNamespace
    /// Nothing that the library made: it isn't touched.
    case notOurs
  }

  /// The file.
  package let path: String
  /// What a user calls it: `queue:jobs`, `anonymous:1804289383`; of a file that isn't an entry its path.
  package let name: String
  /// Nil: the file isn't an entry, or doesn't say.
  package let mechanism: String?
  /// Whether the channel has no name.
  package let isAnonymous: Bool
  package let state: State
  /// What is unusual about it, in words: "of an earlier boot"; empty: nothing.
  package let remarks: [String]
  /// What the entry says of the channel's objects, by the keys of the wire format.
  package let ids: [String: String]
  /// The System V objects that it records and that exist, by their key in the entry.
  package let objects: [String: Int32]
  /// The POSIX queue's name.
  package let queue: String?
  /// When it was written: seconds of CLOCK_REALTIME.
  package let modified: Int

  /// The FIFOs that processes with an endpoint of the channel hold open for writing.
  package var sendersPath: String { path + RegistryDirectory.sendersSuffix }
  package var receiversPath: String { path + RegistryDirectory.receiversSuffix }

  /// The whole directory, in the order of the names.
  ///
  /// - Throws: `notAllowed` where the directory isn't this user's alone.
  package static func all() throws(ChannelError) -> [RegistryItem] {
    guard let directory = try RegistryDirectory.existing() else { return [] }
    let names = try translating(.list, nil, directory) { () throws(SystemError) in
      try Files.names(in: directory)
    }
    let present = Set(names)
    // A FIFO whose entry is gone stands for it.
    let files = Set(names.map { RegistryDirectory.entry(of: $0) })
    return files.sorted().compactMap { find($0, in: directory, exists: present.contains($0)) }
  }

  /// The entry of a channel with a name, in this IPC namespace; nil if there is none.
  package static func find(_ mechanism: Mechanism, _ name: String) throws(ChannelError) -> RegistryItem? {
    let file = try RegistryDirectory.file(mechanism, name)
    guard let directory = try RegistryDirectory.existing(),
      (try? Files.stat(directory + "/" + file)) != nil
    else { return nil }
    return find(file, in: directory, exists: true)
  }

  private static func find(_ file: String, in directory: String, exists: Bool) -> RegistryItem? {
    let path = directory + "/" + file
    guard let parts = RegistryDirectory.parts(file) else {
      return notOurs(path, "no entry: its name isn't one of an entry")
    }
    guard exists else {
      return RegistryItem(path, parts, nil, isHeld(path) ? .used : .unused, ["its entry was removed"], 0)
    }
    guard let status = try? Files.stat(path) else { return nil }
    guard status.kind == .regular else {
      return notOurs(path, "not a file: a \(word(status.kind)) in the place of an entry")
    }
    guard status.owner == CurrentProcess.user else {
      return notOurs(path, "a file of \(Users.name(status.owner) ?? "user \(status.owner)")")
    }
    let text: String
    do throws(SystemError) {
      text = try Files.readText(path)
    } catch {
      return error.number == ENOENT ? nil : notOurs(path, "can't be read: \(error.description)")
    }
    guard Leftovers.isOurs(text) else { return notOurs(path, "no entry: its content isn't one of an entry") }
    let record = RegistryRecord(text)
    var remarks = remarks(record, text, parts)
    let state = state(path, parts, record, &remarks)
    return RegistryItem(path, parts, record, state, remarks, status.modified)
  }

  private static func word(_ kind: Files.Kind) -> String {
    switch kind {
    case .fifo: "FIFO"
    case .socket: "socket"
    case .directory: "directory"
    case .regular: "file"
    case .other: "link or device"
    }
  }

  private static func remarks(
    _ record: RegistryRecord?, _ text: String, _ parts: RegistryDirectory.Parts
  ) -> [String] {
    guard let record else { return [text.isEmpty ? "torn: empty" : "torn: it ends too early"] }
    var remarks: [String] = []
    if record.version != WireFormat.version {
      let order = record.version > WireFormat.version ? "a later" : "an earlier"
      remarks.append("of \(order) version, \(record.version)")
    }
    if record.isOfEarlierBoot { remarks.append("of an earlier boot") }
    if !parts.isOfThisNamespace { remarks.append("of another IPC namespace") }
    return remarks
  }

  private static func state(
    _ path: String, _ parts: RegistryDirectory.Parts, _ record: RegistryRecord?, _ remarks: inout [String]
  ) -> State {
    let (senders, receivers) = (
      RegistryEntry.isHeld(path + RegistryDirectory.sendersSuffix),
      RegistryEntry.isHeld(path + RegistryDirectory.receiversSuffix)
    )
    if !parts.isAnonymous, senders || receivers {
      if !receivers { remarks.append("ended: its receivers are gone") }
      return .used
    }
    // Not one without a name that is empty yet: its maker doesn't wait for its own lock.
    let isBegun = parts.isAnonymous && record == nil
    if !isBegun, isLocked(path) { return .locked }
    if Leftovers.isUnused(path, parts, record) { return .unused }
    return parts.isOfThisNamespace ? .used : .ofOtherNamespace
  }

  private static func isHeld(_ path: String) -> Bool {
    RegistryEntry.isHeld(path + RegistryDirectory.sendersSuffix)
      || RegistryEntry.isHeld(path + RegistryDirectory.receiversSuffix)
  }

  private static func isLocked(_ path: String) -> Bool {
    do throws(ChannelError) {
      _ = try RegistryFile.locked(path, create: false, nil, until: .now)
      return false
    } catch {
      return error.code == .busy
    }
  }

  private static func notOurs(_ path: String, _ remark: String) -> RegistryItem {
    RegistryItem(path, nil, nil, .notOurs, [remark], (try? Files.stat(path))?.modified ?? 0)
  }

  private init(
    _ path: String, _ parts: RegistryDirectory.Parts?, _ record: RegistryRecord?, _ state: State,
    _ remarks: [String], _ modified: Int
  ) {
    self.path = path
    let ids = record?.ids ?? [:]
    isAnonymous = parts?.isAnonymous ?? false
    mechanism = isAnonymous ? ids[KernelObjects.mechanismName] : parts?.mechanism
    name = parts.map { "\($0.mechanism):\($0.name)" } ?? path
    self.state = state
    self.remarks = remarks
    self.ids = ids
    var objects: [String: Int32] = [:]
    if record?.isOfThisSystem == true {
      for (kind, id) in KernelObjects.found(ids) { objects[kind.rawValue] = id }
    }
    self.objects = objects
    queue = ids[KernelObjects.queueName]
    self.modified = modified
  }
}

extension RegistryDirectory {
  /// What the name of an entry's file says.
  package struct Parts {
    /// `anonymous` for a channel without a name.
    let mechanism: String
    let name: String
    let isAnonymous: Bool
    let isOfThisNamespace: Bool
  }

  /// Nil: no entry has such a name.
  static func parts(_ file: String) -> Parts? {
    guard let dot = file.firstIndex(of: ".") else { return nil }
    let mechanism = String(file[..<dot])
    let words = file[file.index(after: dot)...].split(separator: "@", omittingEmptySubsequences: false)
    guard let name = words.first, !name.isEmpty, words.count <= 2, words.count < 2 || UInt64(words[1]) != nil
    else { return nil }
    let isAnonymous = isAnonymous(file)
    guard isAnonymous ? Int32(name) != nil : (try? Mechanism(named: mechanism)) != nil else { return nil }
    return Parts(
      mechanism: mechanism, name: String(name), isAnonymous: isAnonymous, isOfThisNamespace: isEntry(file))
  }

  /// The entry to which a FIFO beside it belongs; of every other file its own name.
  static func entry(of file: String) -> String {
    for suffix in [sendersSuffix, receiversSuffix] where file.hasSuffix(suffix) {
      return String(file.dropLast(suffix.count))
    }
    return file
  }

  /// The directory, if there is one.
  /// - Throws: `notAllowed` if it isn't this user's alone.
  static func existing() throws(ChannelError) -> String? {
    let path = path
    let status: Files.Status
    do throws(SystemError) {
      status = try Files.stat(path)
    } catch {
      if error.meansMissing { return nil }
      throw ChannelError(error, .list, nil, path)
    }
    guard isPrivate(status) else { throw notPrivate(path) }
    return path
  }
}
