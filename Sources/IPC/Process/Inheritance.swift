import Glibc
import Synchronization
import SystemCalls

/// What the process that started this one handed over.
package enum Inheritance {
  private static let taken = Mutex<Set<String>>([])

  /// Dies with the parent from now on, and removes first what would be left, if the parent holds a parent-death pipe. Done with the
  /// first end that the kernel wouldn't remove; until then the kernel itself ends this process (`CSystem.c`).
  package static let parentDeathPipe: Bool = {
    guard let text = Processes.variable(Spawn.prefix + "LEASH"), let number = Int32(text) else {
      return false
    }
    try? closeOnExec(number)
    // Whatever was handed over and isn't taken yet is this process's to remove too.
    for entry in Processes.environment where entry.hasPrefix(Spawn.prefix + "END_") {
      guard let equals = entry.firstIndex(of: "=") else { continue }
      let fields = entry[entry.index(after: equals)...].split(separator: " ").map(String.init)
      guard fields.count == 5 else { continue }
      let name = String(entry[..<equals].dropFirst((Spawn.prefix + "END_").count))
      let parameters = Dictionary(pairs(fields[3]), uniquingKeysWith: { first, _ in first })
      let placeholder = Placeholder()
      placeholders.withLock { $0[name] = placeholder }
      ResourceCleaner.registerFirst(placeholder, parameters, liveness: numbers(fields[4]))
    }
    let parent = Processes.parent
    leashHolder.store(parent, ordering: .relaxed)
    let watch = try? PeerMonitor.watch(number) {
      // The parent is gone. Nobody is left to take what this process makes: what would outlive it goes, and then
      // it does, wherever it is.
      ResourceCleaner.leave(parent)
      Processes.exitNow(Processes.exitCode(ofSignal: SIGKILL))
    }
    guard watch != nil else { return false }
    // From the kernel's hand into ours, once we have it.
    if let flags = try? system(.fcntl, { fcntl(number, F_GETFL) }) {
      _ = fcntl(number, F_SETFL, flags & ~O_ASYNC)
    }
    return true
  }()

  private static let leashHolder = Atomic<Int32>(0)

  /// The parent that this process had when it took the parent-death pipe; nil: it has none.
  static var parent: Int32? {
    let parent = leashHolder.load(ordering: .relaxed)
    return parent == 0 ? nil : parent
  }

  private static func closeOnExec(_ descriptor: Int32) throws(SystemError) {
    try system(.fcntl) { fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
  }

  private final class Placeholder: Sendable {}
  private static let placeholders = Mutex<[String: Placeholder]>([:])

  /// The end has been taken: it looks after what it has itself.
  package static func wasTaken(_ name: String) {
    if let placeholder = placeholders.withLock({ $0.removeValue(forKey: name) }) {
      ResourceCleaner.forget(placeholder)
    }
  }

  /// The end with this name. Each can be taken once.
  package static func end(_ name: String, role: String) throws(ChannelError) -> InheritedEndpoint {
    if Processes.variable(Spawn.prefix + "ENDS") != nil { _ = parentDeathPipe }
    guard let line = Processes.variable(Spawn.prefix + "END_" + name) else {
      throw ChannelError(
        .notSupported, .pass, nil,
        "no end \"\(name)\" was handed to this process: the parent gives it with Spawn.pass(_:as: \"\(name)\")"
      )
    }
    let fields = line.split(separator: " ").map(String.init)
    guard fields.count == 5, fields[0] == role else {
      throw ChannelError(
        .notSupported, .pass, nil, "the end \"\(name)\" is a \(fields.first ?? "?"), not a \(role)")
    }
    guard taken.withLock({ $0.insert(name).inserted }) else {
      throw ChannelError(
        .busy, .pass, nil, "the end \"\(name)\" was taken already: each can be taken once")
    }
    var options = ChannelOptions()
    for (key, value) in pairs(fields[2]) { try options.set(key, value, in: name) }
    let descriptors = numbers(fields[4])
    for descriptor in descriptors {
      try translating(.pass, nil) { () throws(SystemError) in try closeOnExec(descriptor) }
    }
    return InheritedEndpoint(
      mechanism: try Mechanism(named: fields[1]), options: options, descriptors: descriptors,
      parameters: Dictionary(pairs(fields[3]), uniquingKeysWith: { first, _ in first }))
  }

  private static func numbers(_ text: String) -> [Int32] {
    text == "-" ? [] : text.split(separator: ",").compactMap { Int32($0) }
  }

  private static func pairs(_ text: String) -> [(String, String)] {
    text == "-"
      ? []
      : text.split(separator: "&").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1)
        return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
      }
  }
}

extension Sender {
  /// The sender that the parent process handed over under this name.
  /// - Throws: `notSupported` when there is none, `busy` when it was taken already.
  public static func inherited(_ name: String) throws(ChannelError) -> Sender {
    let end = try Inheritance.end(name, role: "sender")
    defer { Inheritance.wasTaken(name) }
    return Sender(try Catalogue.implementation(of: end.mechanism).adoptSender(end))
  }
}

extension Receiver {
  /// The receiver that the parent process handed over under this name.
  /// - Throws: `notSupported` when there is none, `busy` when it was taken already.
  public static func inherited(_ name: String) throws(ChannelError) -> Receiver {
    let end = try Inheritance.end(name, role: "receiver")
    defer { Inheritance.wasTaken(name) }
    return Receiver(try Catalogue.implementation(of: end.mechanism).adoptReceiver(end))
  }
}
