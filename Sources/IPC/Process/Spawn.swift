import SystemCalls

/// Starts a process and passes it endpoints of channels.
///
/// ```swift
/// let channel = try Channel.make(over: .memory)
/// var spawn = Spawn(arguments: ["worker"])
/// try spawn.pass(channel.receiver, as: "jobs")
/// let child = try spawn.start()                  // the child calls Receiver.inherited("jobs")
/// ```
///
/// The child leads a process group of its own. If it is built with this library, it dies with this process: it holds a
/// pipe that the kernel hangs up when this process ends, however it ends. A program that is passed endpoints must take
/// one of them for that (`inherited`).
///
/// System calls: pipe2(2), posix_spawn(3), pidfd_open(2).
public struct Spawn: ~Copyable {
  /// Of the environment variables through which a child finds its endpoints.
  static let prefix = "SWIFT_IPC_"
  // The names are the wire format's (Framing.md).
  /// The number of the parent-death pipe's read end.
  static let parentDeathVariable = prefix + "LEASH"
  /// How many passed endpoints have objects that outlive processes.
  static let outlivingVariable = prefix + "ENDS"
  /// The child's number of the parent-death pipe; the endpoints' descriptors follow.
  private static let parentDeathDescriptor: Int32 = 3

  /// The program's path.
  public var executable: String
  /// Its arguments, without its own name.
  public var arguments: [String]
  /// Variables added to this process's environment, or replacing its own.
  public var environment: [String: String] = [:]
  /// Whether its standard input is this process's; false: it is empty.
  public var inheritsInput = false
  /// Whether its standard output is this process's; false: it is thrown away.
  public var inheritsOutput = true
  /// The child's descriptors 0 and 1, where they aren't what ``inheritsInput`` and ``inheritsOutput`` say.
  package var input: Int32?
  package var output: Int32?
  /// Descriptors that the child gets as they are, behind the parent-death pipe: 4, 5, …
  package var descriptors: [Int32] = []

  private struct Passed {
    let name: String
    /// The environment's description, but for the descriptors.
    let line: String
    let transfer: EndpointTransfer
    /// Closes this process's copies; nil where it keeps the endpoint.
    let finish: (() -> AnyObject?)?
  }

  private var passed: [Passed] = []

  /// A process of the same program, or of another.
  public init(_ executable: String? = nil, arguments: [String] = []) {
    self.executable = executable ?? Processes.executable
    self.arguments = arguments
  }

  // MARK: Passing endpoints

  /// Passes a sender to the child: it is closed here once the child has it.
  public mutating func pass(_ sender: consuming Sender, as name: String) throws(ChannelError) {
    let transport = sender.transport
    try add(name, "sender", transport.mechanism, transport.options, try transport.transfer()) {
      transport.finishTransfer()
    }
    // Its deinitializer would end the channel; the transport closes after the spawn.
    sender.forget()
  }

  /// Passes a receiver to the child: it is closed here once the child has it.
  public mutating func pass(_ receiver: consuming Receiver, as name: String) throws(ChannelError) {
    let transport = receiver.transport
    try add(name, "receiver", transport.mechanism, transport.options, try transport.transfer()) {
      transport.finishTransfer()
    }
    receiver.forget()
  }

  /// Gives the child a sender into the same channel, and keeps this one too.
  /// - Throws: `notSupported` if the channel has one sender only.
  public mutating func share(_ sender: borrowing Sender, as name: String) throws(ChannelError) {
    let transport = sender.transport
    guard transport.mechanism.traits.manySenders, transport.admitsMoreSenders else {
      throw ChannelError(
        .notSupported, .pass, transport.mechanism,
        "this channel has one sender: pass it, or open the channel with ?senders=many")
    }
    try add(name, "sender", transport.mechanism, transport.options, try transport.transfer(), finish: nil)
  }

  /// Gives the child a receiver of the same channel, and keeps this one too: each message goes to one of them.
  /// - Throws: `notSupported` if the channel has one receiver only.
  public mutating func share(_ receiver: borrowing Receiver, as name: String) throws(ChannelError) {
    let transport = receiver.transport
    guard transport.mechanism.traits.manyReceivers, transport.options.receivers != .one else {
      throw ChannelError(
        .notSupported, .pass, transport.mechanism,
        "this channel has one receiver: pass it, or use a queue or a semaphore")
    }
    try add(name, "receiver", transport.mechanism, transport.options, try transport.transfer(), finish: nil)
  }

  mutating func add(
    _ name: String, _ role: String, _ mechanism: Mechanism, _ options: ChannelOptions,
    _ transfer: EndpointTransfer, finish: (() -> AnyObject?)?
  ) throws(ChannelError) {
    // A name is part of an environment variable's.
    guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "=") }),
      !passed.contains(where: { $0.name == name })
    else {
      throw ChannelError(
        .notSupported, .pass, mechanism,
        "invalid endpoint name \"\(name)\": use a word without spaces that no other endpoint has")
    }
    let line = "\(role) \(mechanism.name) \(Self.join(options.parameters)) \(Self.join(transfer.parameters))"
    passed.append(Passed(name: name, line: line, transfer: transfer, finish: finish))
  }

  private static func join(_ pairs: [(key: String, value: String)]) -> String {
    pairs.isEmpty ? "-" : pairs.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
  }

  // MARK: Starting

  /// Starts the process.
  /// - Throws: `system`, with the error of posix_spawn(3), such as "No such file or directory".
  public consuming func start() throws(ChannelError) -> ChildProcess {
    do throws(SystemError) {
      return try spawn()
    } catch {
      throw ChannelError(error, .spawn, nil, executable)
    }
  }

  private func spawn() throws(SystemError) -> ChildProcess {
    let parentDeathPipe = try PipeEnds.pipe2()
    let null = try Files.open("/dev/null", .readWrite)
    var descriptors: [Int32] = [
      input ?? (inheritsInput ? 0 : null.raw), output ?? (inheritsOutput ? 1 : null.raw), 2,
      parentDeathPipe.reading.raw,
    ]
    descriptors += self.descriptors
    var variables = Processes.environment.filter { entry in
      !entry.hasPrefix(Self.prefix) && !environment.keys.contains { entry.hasPrefix($0 + "=") }
    }
    variables += environment.map { "\($0.key)=\($0.value)" }
    variables.append("\(Self.parentDeathVariable)=\(Self.parentDeathDescriptor)")
    // Objects that the kernel doesn't remove with their last user: the child removes them if this process dies.
    let outliving = passed.filter { ResourceCleaner.outliveProcess($0.transfer.parameters.map(\.key)) }
    if !outliving.isEmpty { variables.append("\(Self.outlivingVariable)=\(outliving.count)") }
    for endpoint in passed {
      let numbers = endpoint.transfer.descriptors.indices.map { String(descriptors.count + $0) }
      variables.append(
        "\(Self.prefix)END_\(endpoint.name)=\(endpoint.line) \(numbers.isEmpty ? "-" : numbers.joined(separator: ","))"
      )
      descriptors += endpoint.transfer.descriptors
    }
    let process = try Processes.posixSpawn(
      executable, arguments: arguments, environment: variables, descriptors: descriptors)
    let kept = passed.compactMap { $0.finish?() }
    return ChildProcess(process, parentDeathPipe: try parentDeathPipe.writing.duplicate(), keeping: kept)
  }
}
