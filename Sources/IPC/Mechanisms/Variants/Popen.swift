import SystemCalls

/// popen(3): a command's standard input, for a sender; its standard output, for a receiver.
///
/// - Opening: pipe2(2) and posix_spawn(3) (clone3(2), execve(2)) of `/bin/sh -c COMMAND`. Without a command
///   (`popen:`) the channel runs through cat(1), which shows what a process in between costs.
/// - Sending and receiving: the pipe's calls (``PipeWriter``, ``PipeReader``). Lines of text, unless
///   `?framing=frames`.
/// - Dying: the command's end closes its pipe. An endpoint that closes waits for the command with wait4(2), as
///   pclose(3) does. A last line without a newline is a message, unless a signal ended the command, as wait4(2) or the
///   shell's exit code says.
enum PopenMechanism: MechanismImplementation {
  static let mechanism = Mechanism.popen

  static let traits = MechanismTraits(
    summary: "a command's input or output", addressForm: "popen:COMMAND",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["pipe2", "clone3", "fcntl", "close"], send: ["writev", "pwritev2"],
      receive: ["read", "preadv2"], wait: ["ppoll", "read", "preadv2", "writev", "pwritev2"],
      close: ["writev", "close", "wait4"]),
    manySenders: false, manyReceivers: false, named: false, peerIsCommand: true,
    caveat:
      "an address names a command, which this endpoint starts; closing waits for it to end, as pclose(3) does"
  )

  /// A command that runs.
  private final class Command {
    private var process: Int32?

    init(_ process: Int32) { self.process = process }

    func wait() {
      guard let process else { return }
      self.process = nil
      _ = try? Processes.wait4(process, wait: true)
    }

    private static let patience = Duration.seconds(1)
    /// How a shell reports that a signal ended its command.
    private static let killedCodes: ClosedRange<Int32> = 129...192

    /// After the end of its output: whether a signal ended it. One that goes on has closed its output, and wasn't killed.
    func wasKilled() -> Bool {
      var backoff = Backoff(.within(Self.patience))
      repeat {
        guard let process, let ended = try? Processes.wait4(process, wait: false) else { continue }
        self.process = nil
        switch ended.exit {
        case .signal: return true
        case .code(let code): return Self.killedCodes.contains(code)
        }
      } while process != nil && backoff.pause()
      return false
    }

    /// A command that no endpoint waits for is reaped when it ends, which it does when its input does.
    deinit {
      guard let process else { return }
      if let ended = try? Processes.wait4(process, wait: false), ended.usage.peakKilobytes >= 0 { return }
      try? Threads.start(name: "ipc-popen") { _ = try? Processes.wait4(process, wait: true) }
    }
  }

  private static func start(_ command: String, input: Int32, output: Int32) throws(SystemError) -> Command {
    Command(
      try Processes.posixSpawn(
        "/bin/sh", arguments: ["-c", command],
        environment: Processes.environment.filter { !$0.hasPrefix(Spawn.prefix) },
        descriptors: [input, output, 2]))
  }

  private static func lines(_ address: Address) -> ChannelOptions {
    var options = address.options
    if !options.framingWasChosen { options.framing = .line }
    return options
  }

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    try translating(.open, mechanism) { () throws(SystemError) in
      let there = try PipeEnds.pipe2()
      let back = try PipeEnds.pipe2()
      let command = try start("exec cat", input: there.reading.raw, output: back.writing.raw)
      let writer = PipeWriter(mechanism, try there.writing.duplicate(), .one) {
        withExtendedLifetime(command) {}
      }
      let reader = PipeReader(mechanism, try back.reading.duplicate(), .one) {
        withExtendedLifetime(command) {}
      }
      return TransportPair(
        FramedSender(mechanism, writer, options), FramedReceiver(mechanism, reader, options))
    }
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    guard !address.target.isEmpty else { throw address.invalid("the command is missing: write popen:sort") }
    return try translating(.open, mechanism, address.description) { () throws(SystemError) in
      let pipe = try PipeEnds.pipe2()
      let command = try start(address.target, input: pipe.reading.raw, output: 1)
      return pipe.take { _, writing in
        FramedSender(mechanism, PipeWriter(mechanism, writing, .one) { command.wait() }, lines(address))
      }
    }
  }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    guard !address.target.isEmpty else { throw address.invalid("the command is missing: write popen:ls") }
    return try translating(.open, mechanism, address.description) { () throws(SystemError) in
      let pipe = try PipeEnds.pipe2()
      let null = try Files.open("/dev/null", .read)
      let command = try start(address.target, input: null.raw, output: pipe.writing.raw)
      return pipe.take { reading, _ in
        let reader = PipeReader(mechanism, reading, .one) { command.wait() }
        reader.commandWasKilled = { command.wasKilled() }
        return FramedReceiver(mechanism, reader, lines(address))
      }
    }
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    try PipeMechanism.adoptSender(inherited)
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    try PipeMechanism.adoptReceiver(inherited)
  }

  static func limits() -> [MechanismLimit] { PipeMechanism.limits() }
}
