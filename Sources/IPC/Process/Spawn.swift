import SystemCalls

/// Starts a process and hands it ends of channels.
///
/// ```swift
/// let channel = try Channel.make(over: .memory)
/// var spawn = Spawn(arguments: ["worker"])
/// try spawn.pass(channel.receiver, as: "jobs")
/// let child = try spawn.start()                  // the child calls Receiver.inherited("jobs")
/// ```
///
/// The child leads a process group of its own. If it is built with this library it dies with this process: it holds a
/// pipe that the kernel hangs up when this process ends, however it ends. A program that gets ends must take one of
/// them for that (`inherited`).
///
/// System calls: pipe2(2), posix_spawn(3), pidfd_open(2).
public struct Spawn: ~Copyable {
  static let prefix = "SWIFT_IPC_"

  /// The program's path.
  public var executable: String
  /// Its arguments, without its own name.
  public var arguments: [String]
  /// Variables added to this process's environment, or put in the place of its own.
  public var environment: [String: String] = [:]
  /// Where its standard input comes from; false: it is empty.
  public var inheritsInput = false
  /// Whether its standard output is this process's; false: it is thrown away.
  public var inheritsOutput = true
  /// What takes their place, as 0 and 1 of the child.
  package var input: Int32?
  package var output: Int32?
  /// Descriptors that the child gets as they are, behind the parent-death pipe: 4, 5, …
  package var descriptors: [Int32] = []

  private var transfers: [(name: String, line: String, transfer: EndpointTransfer, surrenders: Bool)] = []

  /// A process of the same program, or of another.
  public init(_ executable: String? = nil, arguments: [String] = []) {
    self.executable = executable ?? Processes.executable
    self.arguments = arguments
  }

  /// Hands a sender over: it is closed here once the child has it.
  public mutating func pass(_ sender: consuming Sender, as name: String) throws(ChannelError) {
    let end = sender.end
    try add(name, "sender", end.mechanism, end.options, try end.transfer(), surrenders: true)
    // Its deinitializer would end the channel; the end itself is closed after the spawn.
    sender.forget()
  }

  /// Hands a receiver over: it is closed here once the child has it.
  public mutating func pass(_ receiver: consuming Receiver, as name: String) throws(ChannelError) {
    let end = receiver.end
    try add(name, "receiver", end.mechanism, end.options, try end.transfer(), surrenders: true)
    receiver.forget()
  }

  /// Gives the child a sender into the same channel, and keeps this one too.
  /// - Throws: `notSupported` where the channel has one sender only.
  public mutating func share(_ sender: borrowing Sender, as name: String) throws(ChannelError) {
    let end = sender.end
    guard end.mechanism.traits.manySenders, end.admitsMoreSenders else {
      throw ChannelError(
        .notSupported, .pass, end.mechanism,
        "this channel has one sender: give it, or open it with ?senders=many")
    }
    try add(name, "sender", end.mechanism, end.options, try end.transfer(), surrenders: false)
  }

  /// Gives the child a receiver of the same channel, and keeps this one too: each message goes to one of them.
  /// - Throws: `notSupported` where the channel has one receiver only.
  public mutating func share(_ receiver: borrowing Receiver, as name: String) throws(ChannelError) {
    let end = receiver.end
    guard end.mechanism.traits.manyReceivers, end.options.receivers != .one else {
      throw ChannelError(
        .notSupported, .pass, end.mechanism,
        "this channel has one receiver: give it away, or use a queue or a semaphore")
    }
    try add(name, "receiver", end.mechanism, end.options, try end.transfer(), surrenders: false)
  }

  mutating func add(
    _ name: String, _ role: String, _ mechanism: Mechanism, _ options: ChannelOptions,
    _ transfer: EndpointTransfer,
    surrenders: Bool
  ) throws(ChannelError) {
    guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 61 }),
      !transfers.contains(where: { $0.name == name })
    else {
      throw ChannelError(
        .notSupported, .pass, mechanism, "\"\(name)\" can't name an end: use a word that no other end has"
      )
    }
    let line = "\(role) \(mechanism.name) \(Self.join(options.parameters)) \(Self.join(transfer.parameters))"
    transfers.append((name, line, transfer, surrenders))
  }

  private static func join(_ pairs: [(key: String, value: String)]) -> String {
    pairs.isEmpty ? "-" : pairs.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
  }

  /// Starts the process.
  /// - Throws: `system`, with what posix_spawn(3) says, such as "No such file or directory".
  public consuming func start() throws(ChannelError) -> ChildProcess {
    do throws(SystemError) {
      return try begin()
    } catch {
      throw ChannelError(error, .spawn, nil, executable)
    }
  }

  private func begin() throws(SystemError) -> ChildProcess {
    let parentDeathPipe = try PipeEnds.pipe2()
    let null = try Files.open("/dev/null", .readWrite)
    // 0, 1, 2, the parent-death pipe, then the ends.
    var descriptors: [Int32] = [
      input ?? (inheritsInput ? 0 : null.raw), output ?? (inheritsOutput ? 1 : null.raw), 2,
      parentDeathPipe.reading.raw,
    ]
    descriptors += self.descriptors
    var variables = Processes.environment.filter { entry in
      !entry.hasPrefix(Self.prefix) && !environment.keys.contains { entry.hasPrefix($0 + "=") }
    }
    variables += environment.map { "\($0.key)=\($0.value)" }
    variables.append("\(Self.prefix)LEASH=3")
    // What the kernel doesn't remove with its last user, the child must when this process dies.
    let outliving = transfers.filter { ResourceCleaner.areIn($0.transfer.parameters.map(\.key)) }
    if !outliving.isEmpty { variables.append("\(Self.prefix)ENDS=\(outliving.count)") }
    for (name, line, transfer, _) in transfers {
      let numbers = transfer.descriptors.indices.map { String(descriptors.count + $0) }
      variables.append(
        "\(Self.prefix)END_\(name)=\(line) \(numbers.isEmpty ? "-" : numbers.joined(separator: ","))")
      descriptors += transfer.descriptors
    }
    let process = try Processes.posixSpawn(
      executable, arguments: arguments, environment: variables, descriptors: descriptors)
    let escrow = transfers.filter(\.surrenders).compactMap { $0.transfer.surrender() }
    let writing = try parentDeathPipe.writing.duplicate()
    return ChildProcess(process, parentDeathPipe: writing, escrow: escrow)
  }
}
