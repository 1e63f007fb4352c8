public import IPC
import SystemCalls

/// How a system comes to its connections.
extension IPCActorSystem {
  /// Starts a process that hosts actors, and waits until it does: its `main` calls ``serve(_:)``.
  ///
  /// - Parameters:
  ///   - executable: its program; nil: this one.
  ///   - arguments: the program's arguments, without its name.
  ///   - environment: variables that are added to this process's.
  ///   - mechanism: carries the calls and what they return.
  ///   - options: of both channels.
  /// - Throws: `notSupported` for a mechanism without messages; `system` when the program can't be started; `closed` when
  ///   it ends before it serves.
  public func spawn(
    _ executable: String? = nil, arguments: [String] = [], environment: [String: String] = [:],
    over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()
  ) throws(ChannelError) -> ActorPeer {
    guard mechanism.traits.carries == .messages, mechanism.traits.anonymous else {
      throw ChannelError(
        .notSupported, .spawn, mechanism, "calls don't fit: choose a mechanism that carries messages")
    }
    guard options.maximumMessageBytes >= ActorFrame.leastLimit else {
      throw Self.tooTight(options.maximumMessageBytes, mechanism)
    }
    var options = options
    options.senders = .one
    options.receivers = .one
    let pair = try Connection.make(over: mechanism, options: options)
    let far = pair.far
    let near = pair.near
    var spawn = Spawn(executable, arguments: arguments)
    spawn.environment = environment
    try spawn.pass(far.receiver, as: Self.calls)
    try spawn.pass(far.sender, as: Self.answers)
    let child = try spawn.start()
    let lane = ActorConnection(near, of: self, child: child, within: .seconds(60))
    do throws(ChannelError) {
      return try start(lane)
    } catch {
      lane.kill()
      guard error.code == .closed || error.code == .timedOut else { throw error }
      throw ChannelError(
        .closed, .spawn, mechanism,
        "the process \(executable ?? Processes.executable) \(lane.exitWords) that it hosts actors: its main must call IPCActorSystem.serve first, and live"
      )
    }
  }

  /// Connects to the actor system at the other end of a connection, whose process attaches its own end. Waits until it has
  /// said who it is.
  /// - Throws: `timedOut`; `closed`; `protocolViolation` or `invalidMessage` when what is there is no actor system.
  public func attach(_ connection: consuming Connection, within patience: Duration = .seconds(5))
    throws(ChannelError)
    -> ActorPeer
  {
    let limit = min(
      connection.sender.end.options.maximumMessageBytes, connection.receiver.end.options.maximumMessageBytes)
    guard limit >= ActorFrame.leastLimit else { throw Self.tooTight(limit, connection.sender.mechanism) }
    return try start(ActorConnection(connection, of: self, child: nil, within: patience))
  }

  private func start(_ lane: ActorConnection) throws(ChannelError) -> ActorPeer {
    begins(lane)
    do throws(SystemError) {
      try lane.start()
    } catch {
      isDisconnected(lane, .gone)
      throw ChannelError(error, .spawn, nil)
    }
    return ActorPeer(lane, process: try lane.waitForGreeting())
  }

  private static func tooTight(_ limit: Int, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .notSupported, .spawn, mechanism,
      "messages of \(limit) bytes at most carry no calls: raise maximumMessageBytes to \(ActorFrame.leastLimit)"
    )
  }

  private static let calls = "actors-calls"
  private static let answers = "actors-answers"

  /// Hosts the actors that `setUp` makes, for the process that started this one (``spawn(_:arguments:environment:over:options:)``),
  /// until that closes the connection or dies. Call it first in `main`; the calling thread is the one that receives.
  /// - Throws: what `setUp` throws; `notSupported` when no process that calls actors started this one; what broke the
  ///   connection, where it wasn't just closed.
  public static func serve(_ setUp: (IPCActorSystem) throws -> Void) throws {
    let receiver = try Receiver.inherited(calls)
    let sender = try Sender.inherited(answers)
    let system = IPCActorSystem()
    try setUp(system)
    let lane = ActorConnection(
      Connection(sender: sender, receiver: receiver), of: system, child: nil, within: .seconds(60))
    system.begins(lane)
    let why = lane.run()
    system.close()
    if why.code != .closed { throw why }
  }
}
