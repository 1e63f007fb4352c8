import Glibc
import SystemCalls

/// A process that is about to be started: its program, its environment, and the endpoints that it gets.
/// ``ChildProcess/spawn(_:arguments:_:)`` lends one to its closure.
///
/// Passing an endpoint closes it here at once, also where the program then can't be started; the child takes it by its name, with `Sender(inherited:)`
/// or `Receiver(inherited:)`. Sharing one keeps it here too.
public struct Spawn: ~Copyable {
  /// Of the environment variables through which a child finds its endpoints.
  static let prefix = "SWIFT_IPC_"
  // The names are the wire format's (Framing.md).
  /// The number of the parent-death pipe's read end.
  static let parentDeathVariable = prefix + "LEASH"
  /// How many passed endpoints have objects that outlive processes.
  static let outlivingVariable = prefix + "ENDS"
  /// The version of the wire formats.
  static let versionVariable = prefix + "VERSION"
  /// The child's number of the parent-death pipe; the endpoints' descriptors follow.
  private static let parentDeathDescriptor: Int32 = 3

  /// The program's path, or its name, which is searched in PATH; nil: this program again.
  public var executable: String?
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
    /// The environment's description, but for the descriptors and the type.
    let line: String
    /// What the channel's messages are, as the environment has it.
    let type: String
    let transfer: EndpointTransfer
    /// Closes this process's copies; nil where it keeps the endpoint.
    let finish: (() -> AnyObject?)?
  }

  private var passed: [Passed] = []

  package init(_ executable: String? = nil, arguments: [String] = []) {
    self.executable = executable
    self.arguments = arguments
  }

  // MARK: Passing endpoints

  /// Passes a sender to the child: it is closed here.
  /// - Parameters:
  ///   - sender: it throws `closed` from then on.
  ///   - name: what the child calls it: a word without spaces.
  /// - Throws: `notSupported` if the endpoint has a name in the system (the child opens that itself); `closed`.
  public mutating func pass<Element: Message>(
    _ sender: inout Sender<Element>, as name: String
  ) throws(ChannelError) { try pass(&sender.bytes, as: name) }

  /// Passes a receiver to the child: it is closed here.
  /// - Parameters:
  ///   - receiver: it throws `closed` from then on.
  ///   - name: what the child calls it: a word without spaces.
  /// - Throws: `notSupported` if the endpoint has a name in the system (the child opens that itself), or has received
  ///   already; `closed`.
  public mutating func pass<Element: Message>(
    _ receiver: inout Receiver<Element>, as name: String
  ) throws(ChannelError) { try pass(&receiver.bytes, as: name) }

  /// Passes an untyped sender to the child: it is closed here.
  public mutating func pass(_ sender: inout ByteSender, as name: String) throws(ChannelError) {
    let transport = sender.transport
    try add(name, .sender, transport.mechanism, transport.options, try transport.transfer()) {
      transport.finishTransfer()
    }
    // Its deinitializer would end the channel; the transport closes after the spawn.
    _ = sender.take()
  }

  /// Passes an untyped receiver to the child: it is closed here.
  public mutating func pass(_ receiver: inout ByteReceiver, as name: String) throws(ChannelError) {
    let transport = receiver.transport
    try add(name, .receiver, transport.mechanism, transport.options, try transport.transfer()) {
      transport.finishTransfer()
    }
    _ = receiver.take()
  }

  /// Gives the child a sender into the same channel, and keeps this one too.
  /// - Throws: `notSupported` if the channel has one sender only.
  public mutating func share<Element: Message>(
    _ sender: borrowing Sender<Element>, as name: String
  ) throws(ChannelError) { try share(sender.bytes, as: name) }

  /// Gives the child a receiver of the same channel, and keeps this one too: each message goes to one of them.
  /// - Throws: `notSupported` if the channel has one receiver only.
  public mutating func share<Element: Message>(
    _ receiver: borrowing Receiver<Element>, as name: String
  ) throws(ChannelError) { try share(receiver.bytes, as: name) }

  /// Gives the child an untyped sender into the same channel, and keeps this one too.
  public mutating func share(_ sender: borrowing ByteSender, as name: String) throws(ChannelError) {
    let transport = sender.transport
    guard transport.mechanism.traits.manySenders, transport.admitsMoreSenders else {
      throw ChannelError(
        .notSupported, .pass, transport.mechanism,
        transport.mechanism.traits.manySenders
          ? "this channel has one sender: pass it, or open the channel with ?senders=many"
          : "this channel has one sender: pass it, or use a mechanism with many, such as queue")
    }
    try add(name, .sender, transport.mechanism, transport.options, try transport.transfer(), finish: nil)
  }

  /// Gives the child an untyped receiver of the same channel, and keeps this one too.
  public mutating func share(_ receiver: borrowing ByteReceiver, as name: String) throws(ChannelError) {
    let transport = receiver.transport
    guard transport.mechanism.traits.manyReceivers, transport.options.receivers != .one else {
      throw ChannelError(
        .notSupported, .pass, transport.mechanism,
        "this channel has one receiver: pass it, or use a queue or a semaphore")
    }
    try add(name, .receiver, transport.mechanism, transport.options, try transport.transfer(), finish: nil)
  }

  mutating func add(
    _ name: String, _ role: Inheritance.Role, _ mechanism: Mechanism, _ options: ChannelOptions,
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
    let line =
      "\(role.rawValue) \(mechanism.name) \(Self.join(options.parameters)) \(Self.join(transfer.parameters))"
    let type = options.messageType?.word ?? "-"
    passed.append(Passed(name: name, line: line, type: type, transfer: transfer, finish: finish))
  }

  private static func join(_ pairs: [(key: String, value: String)]) -> String {
    pairs.isEmpty ? "-" : pairs.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
  }

  // MARK: Starting

  /// Starts the process.
  package consuming func start() throws(ChannelError) -> ChildProcess {
    let path = try path()
    try Inheritance.checkServes(executable == nil || Files.isSame(path, Processes.executable))
    do throws(SystemError) {
      return try spawn(path)
    } catch {
      throw ChannelError(error, starting: path)
    }
  }

  /// The program's path: execvp(3) searches in the same way.
  private func path() throws(ChannelError) -> String {
    guard let executable else { return Processes.executable }
    if executable.contains("/") { return executable }
    let folders = environment["PATH"] ?? Processes.variable("PATH") ?? "/bin:/usr/bin"
    for folder in folders.split(separator: ":", omittingEmptySubsequences: false) {
      let path = (folder.isEmpty ? "." : folder) + "/" + executable
      if Files.isExecutable(path) { return path }
    }
    throw ChannelError(
      .system, .spawn, nil,
      "no program \"\(executable)\" in a folder of PATH: write its path, with a slash, or install it (PATH is \(folders))",
      errno: ENOENT)
  }

  private func spawn(_ executable: String) throws(SystemError) -> ChildProcess {
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
    variables.append("\(Self.versionVariable)=\(WireFormat.version)")
    variables.append("\(Self.parentDeathVariable)=\(Self.parentDeathDescriptor)")
    // Objects that the kernel doesn't remove with their last user: the child removes them if this process dies.
    let outliving = passed.filter { KernelObjects.outliveProcess($0.transfer.parameters.map(\.key)) }
    if !outliving.isEmpty { variables.append("\(Self.outlivingVariable)=\(outliving.count)") }
    for endpoint in passed {
      let numbers = endpoint.transfer.descriptors.indices.map { String(descriptors.count + $0) }
      variables.append(
        "\(Self.prefix)END_\(endpoint.name)=\(endpoint.line) \(numbers.isEmpty ? "-" : numbers.joined(separator: ",")) \(endpoint.type)"
      )
      descriptors += endpoint.transfer.descriptors
    }
    let process = try Processes.posixSpawn(
      executable, arguments: arguments, environment: variables, descriptors: descriptors)
    let kept = passed.compactMap { $0.finish?() }
    return parentDeathPipe.take { _, writing in
      ChildProcess(process, parentDeathPipe: writing, keeping: kept)
    }
  }
}
