import Glibc
import Synchronization
import SystemCalls

/// The endpoints that the parent process passed to this one, as its environment describes them.
enum Inheritance {
  private static let endpointPrefix = Spawn.prefix + "END_"

  /// What was passed: an endpoint of a channel, or a socket that descriptors travel over.
  enum Role: String {
    case sender, receiver, descriptors
  }

  private static let taken = Locked<Set<String>>([])

  /// A process that was started with endpoints and hasn't taken any is about to do what its parent did: a program that
  /// forgot to look which of the two it is, and would start processes without end.
  /// - Parameter isSameProgram: whether it is about to start its own program.
  static func checkServes(_ isSameProgram: Bool) throws(ChannelError) {
    guard isSameProgram, taken.withLock({ $0.isEmpty }) else { return }
    // A program that a child has started by other means has the child's environment, and not its descriptors.
    guard Processes.hadParentDeathPipe else { return }
    let passed = Processes.environment.filter { $0.hasPrefix(endpointPrefix) }
      .map { $0.dropFirst(endpointPrefix.count).prefix { $0 != "=" } }.sorted()
    guard !passed.isEmpty else { return }
    throw ChannelError(
      .notServed, .spawn, nil,
      "this process was started as a child, with \(passed.joined(separator: ", ")), and takes nothing of that before it starts its own program again, which would go on without end: look at CommandLine.arguments first, and serve, or take an endpoint with Receiver(inherited:) or Sender(inherited:)"
    )
  }

  /// A line of the environment: role, mechanism, options, parameters, descriptors, type.
  private struct Line {
    let role: String
    let mechanism: String
    let options: [(String, String)]
    let parameters: [String: String]
    let descriptors: [Int32]
    /// Nil: the parent didn't say.
    let type: MessageType?

    init?(_ text: Substring) {
      let fields = text.split(separator: " ").map(String.init)
      // A parent in another language may leave the type out.
      guard fields.count == 5 || fields.count == 6 else { return nil }
      role = fields[0]
      mechanism = fields[1]
      options = Self.pairs(fields[2])
      parameters = Dictionary(Self.pairs(fields[3]), uniquingKeysWith: { first, _ in first })
      descriptors = fields[4] == "-" ? [] : fields[4].split(separator: ",").compactMap { Int32($0) }
      type = fields.count == 6 && fields[5] != "-" ? MessageType(word: fields[5]) : nil
      if fields.count == 6, fields[5] != "-", type == nil { return nil }
    }

    private static func pairs(_ text: String) -> [(String, String)] {
      if text == "-" { return [] }
      return text.split(separator: "&").map { pair in
        let words = pair.split(separator: "=", maxSplits: 1)
        return (String(words[0]), words.count > 1 ? String(words[1]) : "")
      }
    }
  }

  static func closeOnExec(_ descriptor: Int32) throws(SystemError) {
    try system(.fcntl, .descriptor(descriptor)) { fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
  }

  // MARK: Taking an endpoint

  /// The endpoint with this name. Each can be taken once.
  /// - Parameter check: throws if the channel can't carry the messages that are wanted.
  static func endpoint(
    _ name: String, _ role: Role, _ type: MessageType?,
    _ check: (ChannelOptions, Mechanism) throws(ChannelError) -> Void = { _, _ in }
  ) throws(ChannelError) -> InheritedEndpoint {
    if Processes.variable(Spawn.outlivingVariable) != nil { _ = ParentDeathPipe.isWatched }
    guard let text = Processes.variable(endpointPrefix + name) else {
      throw ChannelError(
        .notSupported, .pass, nil,
        "the parent passed no endpoint \"\(name)\" to this process: start it with ChildProcess.spawn, and pass(_:as: \"\(name)\"), or, if it serves, with a WorkerPool or IPCActorSystem.spawn"
      )
    }
    // Version 1 had no such variable.
    let version = Processes.variable(Spawn.versionVariable).flatMap { Int($0) } ?? 1
    guard version == WireFormat.version else { throw .versionMismatch(version, .pass, nil) }
    guard let line = Line(text[...]) else {
      throw ChannelError(
        .notSupported, .pass, nil,
        "the description of the passed endpoint \"\(name)\" is malformed: build both processes with the same version of this library"
      )
    }
    guard line.role == role.rawValue else {
      throw ChannelError(
        .notSupported, .pass, nil,
        "the passed endpoint \"\(name)\" is a \(line.role), not a \(role.rawValue): take it as a \(line.role)"
      )
    }
    let mechanism = try Mechanism(named: line.mechanism)
    // Before it is taken: the right type can still be.
    try MessageType.check(type, line.type, .pass, mechanism)
    var options = ChannelOptions()
    for (key, value) in line.options { try options.set(key, value, in: name) }
    options.messageType = type ?? line.type
    try check(options, mechanism)
    guard taken.withLock({ $0.insert(name).inserted }) else {
      throw ChannelError(
        .busy, .pass, nil, "the passed endpoint \"\(name)\" is taken already: each can be taken once")
    }
    for descriptor in line.descriptors {
      try translating(.pass, nil) { () throws(SystemError) in try closeOnExec(descriptor) }
    }
    return InheritedEndpoint(
      mechanism: mechanism, options: options, descriptors: line.descriptors,
      parameters: line.parameters)
  }

  // MARK: Endpoints that aren't taken yet

  private final class Untaken: Sendable {}
  private static let untaken = Locked<[String: Untaken]>([:])

  /// The objects of endpoints that were passed to this process and aren't taken yet are this process's to remove too.
  static func registerUntaken() {
    for entry in Processes.environment where entry.hasPrefix(endpointPrefix) {
      guard let equals = entry.firstIndex(of: "="), let line = Line(entry[entry.index(after: equals)...])
      else {
        continue
      }
      let name = String(entry[..<equals].dropFirst(endpointPrefix.count))
      let endpoint = Untaken()
      untaken.withLock { $0[name] = endpoint }
      ResourceCleaner.registerUntaken(endpoint, line.parameters, liveness: line.descriptors)
    }
  }

  /// The endpoint is taken: its owner looks after its objects.
  static func wasTaken(_ name: String) {
    if let endpoint = untaken.withLock({ $0.removeValue(forKey: name) }) { ResourceCleaner.forget(endpoint) }
  }
}
