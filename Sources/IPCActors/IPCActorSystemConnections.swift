public import IPC
import SystemCalls

/// How a system makes its connections.
extension IPCActorSystem {
  /// Starts a process that hosts actors, and waits until it is ready. Its `main` calls ``serve(_:)``.
  ///
  /// - Parameters:
  ///   - executable: the path of its program; nil: the program of this process.
  ///   - arguments: the program's arguments, without its name.
  ///   - environment: variables that are added to this process's.
  ///   - mechanism: carries the calls and what they return.
  ///   - options: of both channels.
  /// - Throws: `notSupported` for a mechanism that doesn't carry messages, or a limit on messages that is too small;
  ///   `system` when the program can't be started; `closed` when it ends before it is ready; `timedOut` when it isn't
  ///   ready after 15 seconds.
  ///
  /// System calls: posix_spawn(3), and those of the mechanism.
  public func spawn(
    _ executable: String? = nil, arguments: [String] = [], environment: [String: String] = [:],
    over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()
  ) throws(ChannelError) -> ActorPeer {
    try spawn(
      executable, arguments: arguments, environment: environment, over: mechanism, options: options,
      mustCall: "IPCActorSystem.serve")
  }

  /// - Parameter function: what the program's main must call, for the error of one that isn't ready; nil: it is known to.
  package func spawn(
    _ executable: String?, arguments: [String], environment: [String: String] = [:],
    over mechanism: Mechanism, options: ChannelOptions = ChannelOptions(),
    readyWithin timeout: Duration = startTimeout, mustCall function: String?
  ) throws(ChannelError) -> ActorPeer {
    guard mechanism.traits.carries == .messages, mechanism.traits.anonymous else {
      throw ChannelError(
        .notSupported, .spawn, mechanism,
        "this mechanism carries no messages, which calls are: choose one that does")
    }
    guard options.maximumMessageBytes >= ActorFrame.minimumMessageBytes else {
      throw Self.limitTooSmall(options.maximumMessageBytes, mechanism)
    }
    var options = options
    options.senders = .one
    options.receivers = .one
    let pair = try ByteConnection.Pair(over: mechanism, options: options)
    var far = pair.far
    let near = pair.near
    var spawn = Spawn(executable, arguments: arguments)
    spawn.environment = environment
    try spawn.pass(&far.receiver, as: Self.calls)
    try spawn.pass(&far.sender, as: Self.answers)
    let child = try spawn.start()
    let connection = ActorConnection(near, of: self, child: child, within: timeout)
    do throws(ChannelError) {
      return try start(connection)
    } catch {
      let exit = connection.exit(within: error.code == .closed ? ChannelError.exitStatusTimeout : .zero)
      connection.kill()
      guard error.code == .closed || error.code == .timedOut else { throw error }
      throw .notReady(
        "the process \(executable ?? Processes.executable)", exit, after: error.code, within: timeout,
        mustCall: function, mechanism)
    }
  }

  /// Connects to the peer's actor system over a connection that both processes attach. Waits until the handshake is
  /// complete.
  /// - Throws: `timedOut`; `closed`; `protocolViolation` or `invalidMessage` when the peer isn't an actor system;
  ///   `notSupported` when the connection's limit on messages is too small.
  public func attach(_ connection: consuming ByteConnection, within timeout: Duration = .seconds(5))
    throws(ChannelError)
    -> ActorPeer
  {
    let limit = min(
      connection.sender.transport.options.maximumMessageBytes,
      connection.receiver.transport.options.maximumMessageBytes)
    guard limit >= ActorFrame.minimumMessageBytes else {
      throw Self.limitTooSmall(limit, connection.sender.mechanism)
    }
    return try start(ActorConnection(connection, of: self, child: nil, within: timeout))
  }

  private func start(_ connection: ActorConnection) throws(ChannelError) -> ActorPeer {
    register(connection)
    do throws(SystemError) {
      try connection.start()
    } catch {
      disconnected(connection, .gone)
      throw ChannelError(error, .spawn, nil)
    }
    return ActorPeer(connection, process: try connection.waitForHandshake())
  }

  private static func limitTooSmall(_ limit: Int, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .notSupported, .spawn, mechanism,
      "a limit of \(limit) bytes per message is too small for calls: raise maximumMessageBytes to \(ActorFrame.minimumMessageBytes)"
    )
  }

  /// How long a process may take from its start to its handshake.
  package static let startTimeout = Duration.seconds(15)
  /// The names under which the two endpoints are passed: words, which a shell that starts the program keeps.
  private static let calls = "actors_calls"
  private static let answers = "actors_answers"

  /// Hosts the actors that `setUp` makes for the process that started this one
  /// (``spawn(_:arguments:environment:over:options:)``), until that process closes the connection or dies. Call it first
  /// in `main`. The calling thread receives the calls. The other process waits 15 seconds for `setUp`.
  /// - Throws: what `setUp` throws; `notSupported` when this process wasn't started by ``spawn(_:arguments:environment:over:options:)``;
  ///   the error that ended the connection, unless it was closed.
  public static func serve(_ setUp: (IPCActorSystem) throws -> Void) throws {
    let receiver = try ByteReceiver(inherited: calls)
    let sender = try ByteSender(inherited: answers)
    let system = IPCActorSystem()
    try setUp(system)
    let connection = ActorConnection(
      ByteConnection(sender: sender, receiver: receiver), of: system, child: nil, within: startTimeout)
    system.register(connection)
    let reason = connection.run()
    system.close()
    if reason.code != .closed { throw reason }
  }
}
