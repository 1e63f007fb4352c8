import Glibc
import SystemCalls

/// The registry entry of a channel without a name: what its objects are, for as long as a kill could leave them.
///
/// It is written before the objects are made, and locked until both endpoints are open. From then on the segment shows
/// whether a process uses the channel: each endpoint has it attached. The last endpoint removes the entry with the objects; what
/// processes that were killed leave, the next program removes (``Leftovers``).
///
/// A process that can't write to the directory goes on without an entry.
final class AnonymousEntry {
  let key: Int32
  private let file: RegistryFile
  private let run: String
  /// What is known before the objects are made.
  private let planned: [String: String]

  private init(
    _ key: Int32, _ run: String, _ planned: [String: String], _ file: consuming RegistryFile
  ) {
    self.key = key
    self.run = run
    self.planned = planned
    self.file = file
  }

  private static let maximumAttempts = 10

  /// Begins an entry, with ids that are known before the objects are made.
  static func begin(_ mechanism: Mechanism, _ planned: [String: String] = [:]) -> AnonymousEntry? {
    for _ in 0..<maximumAttempts {
      let key = SystemVObject.newKey()
      guard let directory = try? RegistryDirectory.make() else { return nil }
      let run = String(UInt64.random(in: 1 ... .max), radix: 16)
      do throws(ChannelError) {
        let path = directory + "/" + RegistryDirectory.anonymousFile(key)
        guard let file = try RegistryFile.made(path) else { continue }
        let known = [KernelObjects.mechanismName: mechanism.name, KernelObjects.systemKey: String(key)]
        let entry = AnonymousEntry(key, run, known.merging(planned) { $1 }, file)
        if entry.record([:]) { return entry }
        entry.remove()
        return nil
      } catch {
        // The directory went with another process's last name.
        guard error.errno == ENOENT else { return nil }
      }
    }
    return nil
  }

  /// Records what was made. Returns false if it can't be written.
  @discardableResult func record(_ ids: [String: String]) -> Bool {
    let record = RegistryRecord(
      run: run, ids: KernelObjects.stamped(ids.merging(planned) { $1 }))
    do throws(SystemError) {
      try file.write(record.text(nil))
      return true
    } catch {
      return false
    }
  }

  /// The channel has left nothing that a kill could leave.
  func remove() {
    try? Files.unlink(file.path)
    RegistryDirectory.removeIfEmpty()
  }

  /// The last endpoint of the channel that has this key has removed its objects.
  static func remove(_ key: Int32) {
    guard (try? Files.unlink(RegistryDirectory.path + "/" + RegistryDirectory.anonymousFile(key))) != nil
    else { return }
    RegistryDirectory.removeIfEmpty()
  }
}
