import SystemCalls

/// popen(3): a command's standard input, for a sender; its standard output, for a receiver. Lines, unless
/// `?framing=frames`. Without a command (`popen:`) the channel runs through cat(1), which shows what a process in
/// between costs.
package enum PopenVariant: MechanismImplementation {
  package static let mechanism = Mechanism("popen")

  package static let traits = MechanismTraits(
    summary: "a command's input or output", addressForm: "popen:COMMAND",
    systemCalls: ["pipe2", "posix_spawn", "writev", "read"],
    manySenders: false, manyReceivers: false, named: false,
    caveat:
      "an address names a command, which this end starts; closing waits for it to end, as pclose(3) does")

  /// A command that runs.
  private final class Command {
    private var process: Int32?

    init(_ process: Int32) { self.process = process }

    func wait() {
      guard let process else { return }
      self.process = nil
      _ = try? Processes.wait4(process, wait: true)
    }

    /// Nobody waits for it any more: it is reaped when it ends, which it does when its input does.
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

  /// - Parameter waits: closing waits for the command to end, as pclose(3) does.
  private static func carrier(
    _ descriptor: consuming Descriptor, _ command: Command, waits: Bool
  ) -> DescriptorCarrier {
    DescriptorCarrier(mechanism, descriptor, kind: .pipe, unitBytes: 1 << 16, isStream: true) {
      if waits { command.wait() }
    }
  }

  private static func lines(_ address: Address) -> ChannelOptions {
    var options = address.options
    if !options.framingWasChosen { options.framing = .line }
    return options
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    try translating(.open, mechanism) { () throws(SystemError) in
      let there = try PipeEnds.pipe2()
      let back = try PipeEnds.pipe2()
      let command = try start("exec cat", input: there.reading.raw, output: back.writing.raw)
      let sending = try there.writing.duplicate()
      let receiving = try back.reading.duplicate()
      return TransportPair(
        FramedSender(mechanism, carrier(sending, command, waits: false), options),
        FramedReceiver(mechanism, carrier(receiving, command, waits: false), options))
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    guard !address.target.isEmpty else { throw address.invalid("a command is missing: write popen:sort") }
    return try translating(.open, mechanism, address.description) { () throws(SystemError) in
      let pipe = try PipeEnds.pipe2()
      let command = try start(address.target, input: pipe.reading.raw, output: 1)
      return FramedSender(
        mechanism, carrier(try pipe.writing.duplicate(), command, waits: true), lines(address))
    }
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    guard !address.target.isEmpty else { throw address.invalid("a command is missing: write popen:ls") }
    return try translating(.open, mechanism, address.description) { () throws(SystemError) in
      let pipe = try PipeEnds.pipe2()
      let null = try Files.open("/dev/null", .read)
      let command = try start(address.target, input: null.raw, output: pipe.writing.raw)
      return FramedReceiver(
        mechanism, carrier(try pipe.reading.duplicate(), command, waits: true), lines(address))
    }
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    try inherited.descriptorSender(.pipe)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    try inherited.descriptorReceiver(.pipe)
  }

  package static func limits() -> [MechanismLimit] { PipeMechanism.limits() }
}
