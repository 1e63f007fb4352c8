import SystemCalls

/// What processes that were killed have left: registry entries, and the kernel objects that they record.
enum Leftovers {
  /// Removes what no process uses, once in the life of a process, before it makes its first channel. Costs the listing of a
  /// directory where there is nothing.
  static let areRemoved: Void = { _ = remove() }()

  /// Removes every entry of this IPC namespace that no process uses, with its objects.
  /// - Returns: the names of the entries' files.
  @discardableResult static func remove() -> [String] {
    let directory = RegistryDirectory.path
    guard let names = try? Files.names(in: directory) else { return [] }
    let removed = names.filter { RegistryDirectory.isEntry($0) && removeIfUnused(directory + "/" + $0, $0) }
    if !removed.isEmpty { RegistryDirectory.removeIfEmpty() }
    return removed
  }

  private static func removeIfUnused(_ path: String, _ name: String) -> Bool {
    // One that is locked is being made, joined or left.
    guard let file = try? RegistryFile.locked(path, create: false, nil, until: .now) else { return false }
    let record = (try? file.record()) ?? nil
    guard isUnused(path, name, record) else { return false }
    record?.removeObjects()
    RegistryEntry.remove(path)
    return true
  }

  private static func isUnused(_ path: String, _ name: String, _ record: RegistryRecord?) -> Bool {
    if RegistryDirectory.isAnonymous(name) {
      guard let record else { return true }
      return record.isOfThisSystem ? KernelObjects.areUnused(record.ids) : record.isOfEarlierBoot
    }
    return !RegistryEntry.isHeld(path + RegistryDirectory.sendersSuffix)
      && !RegistryEntry.isHeld(path + RegistryDirectory.receiversSuffix)
  }
}
