import Glibc
import SystemCalls

/// What a process can leave behind, at one moment.
package struct SystemSnapshot {
  /// The kinds of things that a snapshot contains.
  package struct Contents: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Open descriptors of this process.
    package static let descriptors = Contents(rawValue: 1)
    /// System V queues, semaphore sets and shared memory segments of this user.
    package static let systemV = Contents(rawValue: 2)
    /// Files in /dev/shm and /dev/mqueue, and in the directories given.
    package static let files = Contents(rawValue: 4)
    /// Child processes of this process, also those that wait to be reaped.
    package static let children = Contents(rawValue: 8)
    package static let all: Contents = [.descriptors, .systemV, .files, .children]
  }

  private let contents: Contents
  private let directories: [String]
  private let descriptors: [String: String]
  private let objects: Set<String>
  private let files: Set<String>
  private let children: Set<String>

  /// Looks now.
  /// - Parameter directories: where temporary files are looked for, beside /dev/shm and /dev/mqueue.
  package init(_ contents: Contents = .all, directories: [String] = []) {
    self.contents = contents
    self.directories = directories
    descriptors = contents.contains(.descriptors) ? Self.openDescriptors() : [:]
    objects = contents.contains(.systemV) ? Self.systemVObjects() : []
    files = contents.contains(.files) ? Self.files(in: directories + ["/dev/shm", "/dev/mqueue"]) : []
    children = contents.contains(.children) ? Self.childProcesses() : []
  }

  /// What exists now and didn't then. What another process is about to release (the files of a killed child, objects
  /// of programs beside this one) has ten seconds to go.
  package func leaks() -> [String] {
    let deadline = Clock.now() + 10_000_000_000
    while true {
      let found = added(in: SystemSnapshot(contents, directories: directories))
      if found.isEmpty || Clock.now() >= deadline { return found }
      Clock.sleep(nanoseconds: 20_000_000)
    }
  }

  private func added(in now: SystemSnapshot) -> [String] {
    var found: [String] = []
    for (number, target) in now.descriptors.sorted(by: { $0.key < $1.key })
    where descriptors[number] != target {
      found.append("descriptor \(number) (\(target))")
    }
    found += now.objects.subtracting(objects).sorted()
    found += now.files.subtracting(files).sorted().map { "file \($0)" }
    found += now.children.subtracting(children).sorted().map { "process \($0)" }
    return found
  }

  private static func openDescriptors() -> [String: String] {
    var found: [String: String] = [:]
    for name in (try? Files.names(in: "/proc/self/fd")) ?? [] {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = unsafe readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
      // The descriptor that read the directory is closed by now.
      if count > 0 { found[name] = String(decoding: buffer[..<count], as: UTF8.self) }
    }
    return found
  }

  /// The System V queues, semaphore sets and segments of this user: "queue 7".
  package static func systemVObjects() -> Set<String> {
    var found: Set<String> = []
    for (kind, name) in [("msg", "queue"), ("sem", "semaphore set"), ("shm", "segment")] {
      let lines = ((try? Files.readText("/proc/sysvipc/\(kind)")) ?? "").split(separator: "\n")
      guard let head = lines.first?.split(separator: " ").map(String.init),
        let id = head.firstIndex(where: { $0.hasSuffix("id") && $0 != "cuid" && $0 != "uid" }),
        let user = head.firstIndex(of: "uid")
      else { continue }
      for line in lines.dropFirst() {
        let fields = line.split(separator: " ").map(String.init)
        guard fields.count > max(id, user), fields[user] == "\(getuid())" else { continue }
        found.insert("\(name) \(fields[id])")
      }
    }
    return found
  }

  private static func files(in directories: [String]) -> Set<String> {
    var found: Set<String> = []
    for directory in directories {
      for name in (try? Files.names(in: directory)) ?? [] { found.insert("\(directory)/\(name)") }
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
