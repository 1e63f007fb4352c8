import Glibc
import SystemCalls

/// What a process can leave behind: open descriptors, System V objects, files, processes.
struct Snapshot {
  private let descriptors: [String: String]
  private let objects: Set<String>
  private let files: Set<String>
  private let children: Set<String>

  static func now() -> Snapshot {
    Snapshot(
      descriptors: openDescriptors(), objects: systemV(), files: filesLeft(), children: childProcesses())
  }

  /// What is there that wasn't. What another process is only about to let go of (a killed child's files,
  /// objects that programs beside this one use) gets a moment to go.
  func leaks() -> [String] {
    var found: [String] = []
    let deadline = Clock.now() + 3_000_000_000
    repeat {
      found = added(in: .now())
      if found.isEmpty { return [] }
      Clock.sleep(nanoseconds: 20_000_000)
    } while Clock.now() < deadline
    return found
  }

  private func added(in now: Snapshot) -> [String] {
    var found: [String] = []
    for (number, target) in now.descriptors.sorted(by: { $0.key < $1.key })
    where descriptors[number] != target {
      found.append("descriptor \(number) (\(target))")
    }
    found += now.objects.subtracting(objects).sorted()
    found += now.files.subtracting(files).sorted()
    found += now.children.subtracting(children).sorted().map { "process \($0)" }
    return found
  }

  private static func openDescriptors() -> [String: String] {
    var found: [String: String] = [:]
    for name in (try? Files.names(in: "/proc/self/fd")) ?? [] {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = unsafe readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
      // The one that reads the directory is closed by now.
      if count > 0 { found[name] = String(decoding: buffer[..<count], as: UTF8.self) }
    }
    return found
  }

  /// Queues, semaphore sets and segments of this user's, by number.
  private static func systemV() -> Set<String> {
    var found: Set<String> = []
    for (kind, what) in [("msg", "queue"), ("sem", "semaphore set"), ("shm", "segment")] {
      let lines = ((try? Files.readText("/proc/sysvipc/\(kind)")) ?? "").split(separator: "\n")
      guard let head = lines.first?.split(separator: " ").map(String.init),
        let id = head.firstIndex(where: { $0.hasSuffix("id") && $0 != "cuid" && $0 != "uid" }),
        let user = head.firstIndex(of: "uid")
      else { continue }
      for line in lines.dropFirst() {
        let fields = line.split(separator: " ").map(String.init)
        guard fields.count > max(id, user), fields[user] == "\(getuid())" else { continue }
        found.insert("\(what) \(fields[id])")
      }
    }
    return found
  }

  private static func filesLeft() -> Set<String> {
    var found: Set<String> = []
    for directory in [Workspace.records, Workspace.directory + "/files", "/dev/shm"] {
      for name in (try? Files.names(in: directory)) ?? [] { found.insert("file \(directory)/\(name)") }
    }
    return found
  }

  private static func childProcesses() -> Set<String> {
    var found: Set<String> = []
    for thread in (try? Files.names(in: "/proc/self/task")) ?? [] {
      let text = (try? Files.readText("/proc/self/task/\(thread)/children")) ?? ""
      found.formUnion(text.split(separator: " ").map(String.init))
    }
    return found
  }
}
