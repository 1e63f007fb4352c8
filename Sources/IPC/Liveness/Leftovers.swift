import Glibc
import SystemCalls

/// What processes that were killed have left: registry entries, and the kernel objects that they record.
package enum Leftovers {
  /// Removes what no process uses, once in the life of a process, before it makes its first channel. Costs the listing of a
  /// directory where there is nothing.
  package static let areRemoved: Void = { _ = remove() }()

  /// Removes every entry that no process uses, with its objects.
  @discardableResult package static func remove() -> [Removal] {
    // A directory that isn't this user's alone may say what another user wants.
    guard let directory = try? RegistryDirectory.existing(), let names = try? Files.names(in: directory)
    else { return [] }
    let files = Set(names.map { RegistryDirectory.entry(of: $0) })
    let removed = files.sorted().compactMap { file -> Removal? in
      guard let parts = RegistryDirectory.parts(file) else { return nil }
      return (try? removeIfUnused(directory + "/" + file, parts, dryRun: false)) ?? nil
    }
    if !removed.isEmpty { RegistryDirectory.removeIfEmpty() }
    return removed
  }

  /// What was removed with one entry, or would be.
  package struct Removal: Sendable {
    package let path: String
    /// The System V objects, by their key in the entry.
    package let objects: [String: Int32]
    /// The POSIX queue that had still its name.
    package let queue: String?
  }

  /// Removes one entry that was found, with its objects, if no process uses it now.
  ///
  /// - Parameter dryRun: only looks.
  /// - Returns: nil if a process uses it, or another has removed it meanwhile.
  /// - Throws: `system` if the kernel refuses.
  package static func remove(_ item: RegistryItem, dryRun: Bool) throws(ChannelError) -> Removal? {
    let file = String(item.path[item.path.index(after: item.path.lastIndex(of: "/")!)...])
    guard let parts = RegistryDirectory.parts(file) else { return nil }
    let removal = try removeIfUnused(item.path, parts, dryRun: dryRun)
    if removal != nil, !dryRun { RegistryDirectory.removeIfEmpty() }
    return removal
  }

  private static func removeIfUnused(
    _ path: String, _ parts: RegistryDirectory.Parts, dryRun: Bool
  ) throws(ChannelError) -> Removal? {
    let suffixes = [RegistryDirectory.sendersSuffix, RegistryDirectory.receiversSuffix]
    // FIFOs without an entry are locked by an entry, which goes with them.
    let isOrphaned =
      (try? Files.stat(path)) == nil && suffixes.contains { (try? Files.stat(path + $0))?.kind == .fifo }
    if isOrphaned, dryRun {
      return isUnused(path, parts, nil) ? Removal(path: path, objects: [:], queue: nil) : nil
    }
    guard let file = try locked(path, create: isOrphaned) else { return nil }
    let text = try translating(.list, nil, path) { () throws(SystemError) in try Files.readText(path) }
    let record = RegistryRecord(text)
    guard isOurs(text), isUnused(path, parts, record) else { return nil }
    let isHere = record?.isOfThisSystem == true
    let removal = Removal(
      path: path,
      objects: isHere
        ? Dictionary(KernelObjects.found(record?.ids ?? [:]).map { ($0.kind.rawValue, $0.id) }) { $1 } : [:],
      queue: isHere ? record?.ids[KernelObjects.queueName].flatMap { isQueue($0) ? $0 : nil } : nil)
    if dryRun { return removal }
    record?.removeObjects()
    // The entry last: what a kill leaves before it is found by the next that looks.
    for suffix in suffixes + [""] {
      do throws(SystemError) {
        try Files.unlink(path + suffix)
      } catch {
        if !error.meansMissing { throw ChannelError(error, .list, nil, path + suffix) }
      }
    }
    withExtendedLifetime(file) {}
    return removal
  }

  /// Nil if there is no such file, if it is another kind of file, or if another process has it locked.
  private static func locked(_ path: String, create: Bool) throws(ChannelError) -> RegistryFile? {
    do throws(ChannelError) {
      return try RegistryFile.locked(path, create: create, nil, until: .now)
    } catch {
      if error.code == .busy || error.code == .wrongKind { return nil }
      throw error
    }
  }

  private static func isQueue(_ name: String) -> Bool { (try? POSIXQueues.mqOpen(name)) != nil }

  /// Whether the library wrote the file, or died before it had: what a user keeps in a directory that became the registry's is
  /// never removed.
  static func isOurs(_ text: String) -> Bool {
    text.hasPrefix(RegistryRecord.beginning) || RegistryRecord.beginning.hasPrefix(text)
  }

  static func isUnused(_ path: String, _ parts: RegistryDirectory.Parts, _ record: RegistryRecord?) -> Bool {
    if parts.isAnonymous {
      // One of another namespace that can't be read may record objects there.
      guard let record else { return parts.isOfThisNamespace }
      if record.isOfThisSystem { return KernelObjects.areUnused(record.ids) }
      return record.isOfEarlierBoot
    }
    guard parts.isOfThisNamespace || record?.isOfEarlierBoot == true else { return false }
    return !RegistryEntry.isHeld(path + RegistryDirectory.sendersSuffix)
      && !RegistryEntry.isHeld(path + RegistryDirectory.receiversSuffix)
  }
}
