import Distributed
import IPC
import Synchronization
import SystemCalls

/// A connection to another actor system. Any thread sends; one thread receives.
final class ActorConnection: @unchecked Sendable {
  // Unchecked: the properties below "Used by the receiving thread only" are; the others are protected by mutexes.

  let system: IPCActorSystem
  private let table = Locked(ActorCallTable())
  private let nextID = Atomic<UInt64>(1)
  let sendQueue: ActorSendQueue
  private let child: Locked<ChildProcess?>
  /// The other process's id; nil: it isn't a child of this process.
  let processID: Int32?
  private let handshake = Completion()
  private let end = Completion()
  /// The peer's calls that aren't answered.
  private let openCalls = Atomic<Int>(0)

  private let handshakeDeadline: Deadline
  /// Tells the receiving thread to end: this process has closed the connection, and the peer hasn't within the time
  /// that it was given.
  private let isAbandoned = Atomic<Bool>(false)
  /// How long the receiving thread waits for the exit status of a child whose connection has ended.
  private static let exitStatusTimeout = Duration.milliseconds(50)
  /// How long closing holds the lock of the child at a time while it waits for its end.
  private static let exitWaitSlice = Duration.milliseconds(20)

  // Used by the receiving thread only.
  private var hasHandshake = false
  private var receiver: ByteReceiver?
  private let transport: any ReceiverTransport
  private let runQueue = ActorRunQueue()
  private var actors = ReceivedNameTable<String>()
  private var targets = ReceivedNameTable<ReceivedTarget>()
  private let mechanism: Mechanism

  /// A function's name as the peer sent it, and the function that it named in the last call.
  private final class ReceivedTarget {
    let identifier: String
    var type: HostedType?
    var target: ActorTarget?
    init(_ identifier: String) { self.identifier = identifier }
  }

  /// A result that is set once and waited for: the number of the other system, or an error.
  private final class Completion: Sendable {
    private let state = Locked<Result<UInt64, ChannelError>?>(nil)
    private let changed = LocalEventCount()

    /// The result; nil: it isn't set yet.
    var result: Result<UInt64, ChannelError>? { state.withLock { $0 } }

    func set(_ result: Result<UInt64, ChannelError>) {
      state.withLock { if $0 == nil { $0 = result } }
      changed.eventCount.wake()
    }

    /// Waits until the result is set. Nil: the deadline has passed.
    func wait(until deadline: Deadline) throws(ChannelError) -> Result<UInt64, ChannelError>? {
      _ = try changed.eventCount.wait(until: deadline) { () throws(ChannelError) in result != nil }
      return result
    }
  }

  /// - Parameter timeout: how long the handshake may take.
  init(
    _ connection: consuming ByteConnection, of system: IPCActorSystem, child: consuming ChildProcess?,
    within timeout: Duration
  ) {
    self.system = system
    handshakeDeadline = .within(timeout)
    mechanism = connection.receiver.mechanism
    switch child {
    case .some(let child): processID = child.id
    case .none: processID = nil
    }
    self.child = Locked(child)
    transport = connection.receiver.transport
    receiver = consume connection.receiver
    sendQueue = ActorSendQueue(connection.sender)
    sendQueue.whenClosed = { [weak self] error in self?.disconnect(Self.describe(error)) }
    sendQueue.send { writer, _ in
      writer.write(ActorFrame.Kind.hello.rawValue)
      writer.write(ActorFrame.version)
      writer.write(system.process)
    }
  }

  /// The number of the other system; nil: the handshake isn't complete.
  var process: UInt64? { try? handshake.result?.get() }

  var isOpen: Bool { table.withLock { $0.failure == nil } }

  /// Waits for the handshake. Returns the number of the other system.
  func waitForHandshake() throws(ChannelError) -> UInt64 {
    while true {
      if let result = try handshake.wait(until: .never) { return try result.get() }
    }
  }

  private static func noHandshake(_ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .timedOut, .spawn, mechanism,
      "timed out: no handshake came from the other process: it must call IPCActorSystem.serve, or attach its endpoints of the connection"
    )
  }

  // MARK: Calling

  /// Sends a frame that `write` writes, of about `size` bytes, and waits for its answer.
  nonisolated(nonsending) func ask(_ size: Int, _ write: @escaping UnsentCall.Write) async throws
    -> ActorAnswer
  {
    guard size <= sendQueue.limit - ActorFrame.overhead else {
      throw IPCActorError(
        .notSupported, nil,
        "a call of \(size) bytes exceeds the connection's limit of \(sendQueue.limit): send less, or raise maximumMessageBytes"
      )
    }
    let id = nextID.wrappingAdd(1, ordering: .relaxed).newValue
    return try await withTaskCancellationHandler {
      unsafe try await withUnsafeThrowingContinuation { continuation in
        begin(UnsentCall(id: id, caller: unsafe ActorCaller(continuation: continuation), write: write))
      }
    } onCancel: {
      cancel(id)
    }
  }

  private func begin(_ call: UnsentCall) {
    enum Step { case send, wait, cancelled, failed(IPCActorError) }
    let step = table.withLock { table -> Step in
      if let failure = table.failure { return .failed(failure) }
      // A cancellation before this moment didn't find the call in the table.
      if Task.isCancelled { return .cancelled }
      return table.begin(call) ? .send : .wait
    }
    switch step {
    case .failed(let error): call.caller.resume(throwing: error.notSent)
    case .cancelled: call.caller.resume(throwing: CancellationError())
    case .wait: break
    case .send: send(call)
    }
  }

  private func send(_ call: UnsentCall) {
    sendQueue.send { writer, names in call.write(call.id, &writer, &names) }
  }

  /// Resumes the caller at once. A call that was sent is executed all the same, and counts until it is answered.
  private func cancel(_ id: UInt64) {
    let caller = table.withLock { $0.cancel(id) }
    caller?.resume(throwing: CancellationError())
  }

  nonisolated(nonsending) func call(
    _ actor: IPCActorID, _ target: String, _ invocation: ActorInvocationEncoder
  ) async throws -> ActorAnswer {
    let path = CallOrigin.path
    guard path.count <= ActorFrame.maximumDepth else {
      throw IPCActorError(
        .notSupported, nil,
        "the call is nested in \(path.count) others, more than the limit of \(ActorFrame.maximumDepth): check whether two actors call each other without end"
      )
    }
    let function = target
    let arguments = invocation.writer.bytes
    let size = arguments.count + actor.name.utf8.count + target.utf8.count + 8 * path.count
    return try await ask(size) { [system] id, writer, names in
      if Tracer.isOn {
        Tracer.record(
          .actorCalled, value: ActorFrame.traceNumber(id, of: system.process),
          text: MangledFunction.readableName(function))
      }
      writer.write(ActorFrame.Kind.call.rawValue)
      writer.write(id)
      writer.write(UInt8(path.count))
      for number in path { writer.write(number) }
      names.actors.write(actor.name, to: &writer)
      names.targets.write(target, to: &writer)
      writer.append(arguments)
    }
  }

  /// Asks for the actors that the peer hosts.
  func list() async throws -> [HostedActor] {
    let answer = try await ask(0) { id, writer, _ in
      writer.write(ActorFrame.Kind.list.rawValue)
      writer.write(id)
    }
    guard answer.outcome == .returned else { throw system.failure(answer, nil) }
    var reader = MessageReader(answer.frame.span, at: answer.contents)
    return try [HostedActor](from: &reader)
  }

  // MARK: Receiving

  /// Starts the receiving thread.
  func start() throws(SystemError) {
    try Threads.start(name: "ipc-actors-in") { self.run() }
  }

  /// Receives on the calling thread until the connection ends. Returns why it ended.
  @discardableResult
  func run() -> ChannelError {
    var reason = ChannelError.closed(.receive, mechanism)
    runQueue.whileCurrent {
      do throws(ChannelError) {
        while true {
          if !hasHandshake, handshakeDeadline.hasPassed { throw Self.noHandshake(mechanism) }
          if isAbandoned.load(ordering: .relaxed) { throw .closed(.receive, mechanism) }
          try receive(until: receiveDeadline)
          runQueue.runJobs()
          // The jobs wait for answers to what they have sent, although this thread doesn't wait.
          if runQueue.hasJobs { _ = FlushRegistry.flushBeforeWaiting() }
        }
      } catch {
        reason = error
        finish(error)
      }
    }
    return reason
  }

  /// How long to wait for a message. Closing a connection to a child process ends the wait, since the child is killed if
  /// necessary. For another process, this thread checks periodically whether it is to end.
  private var receiveDeadline: Deadline {
    if runQueue.hasJobs { return .now }
    if !hasHandshake { return handshakeDeadline }
    return processID == nil ? .within(.seconds(1)) : .never
  }

  private func receive(until deadline: Deadline) throws(ChannelError) {
    guard let bytes = unsafe try transport.take(until: deadline) else { return }
    // One copy of the whole frame: in shared memory the peer can change bytes after they were checked, and the transport's
    // buffer is needed for the next message.
    let frame = unsafe Array(bytes)
    transport.release()
    try handle(frame)
  }

  private func handle(_ frame: [UInt8]) throws(ChannelError) {
    var reader = MessageReader(frame.span)
    let raw: UInt8 = try reader.integer()
    guard let kind = ActorFrame.Kind(rawValue: raw) else {
      throw .invalid("a frame of the unknown kind \(raw)")
    }
    guard hasHandshake || kind == .hello else { throw .invalid("a frame before the greeting") }
    switch kind {
    case .hello: try handleHello(&reader)
    case .reply: try handleReply(&reader, frame)
    case .call: try handleCall(&reader, frame)
    case .list:
      let id: UInt64 = try reader.integer()
      guard reader.remaining == 0 else { throw .invalid("a list request with extra bytes") }
      try admit()
      reply(id, returned: system.hosted)
    }
  }

  private func handleHello(_ reader: inout MessageReader) throws(ChannelError) {
    let version: UInt16 = try reader.integer()
    guard version == ActorFrame.version else {
      throw .invalid(
        "version \(version) of the actors' protocol where version \(ActorFrame.version) is expected")
    }
    let process: UInt64 = try reader.integer()
    guard reader.remaining == 0, self.process == nil else {
      throw .invalid("a second handshake, or one with extra bytes")
    }
    try system.connected(self, to: process)
    hasHandshake = true
    handshake.set(.success(process))
  }

  private func handleReply(_ reader: inout MessageReader, _ frame: [UInt8]) throws(ChannelError) {
    let id: UInt64 = try reader.integer()
    Tracer.record(.actorAnswered, other: 1, value: ActorFrame.traceNumber(id, of: system.process))
    let answer = ActorAnswer(frame: frame, start: reader.offset)
    guard let (caller, next) = table.withLock({ $0.complete(id) }) else {
      throw .invalid("an answer to a call that wasn't made")
    }
    caller?.resume(returning: answer)
    if let next { send(next) }
  }

  /// Counts a request that is to be answered.
  /// - Throws: `protocolViolation` when the peer sends more than it may.
  private func admit() throws(ChannelError) {
    guard openCalls.wrappingAdd(1, ordering: .relaxed).newValue <= ActorFrame.maximumCalls else {
      throw .violation(mechanism, "more than \(ActorFrame.maximumCalls) unanswered calls")
    }
    // The answers and this process's own calls are fewer than this while the peer reads them.
    guard sendQueue.waiting <= ActorFrame.maximumCalls * 4 else {
      throw .violation(mechanism, "the peer leaves \(sendQueue.waiting) messages unread")
    }
  }

  /// Counts an answer.
  func callAnswered() { openCalls.subtract(1, ordering: .relaxed) }

  private func handleCall(_ reader: inout MessageReader, _ frame: [UInt8]) throws(ChannelError) {
    let id: UInt64 = try reader.integer()
    let depth: UInt8 = try reader.integer()
    guard depth <= ActorFrame.maximumDepth else { throw .invalid("a call nested in \(depth) others") }
    var ancestors: [UInt64] = []
    for _ in 0..<depth { ancestors.append(try reader.integer()) }
    let name = try actors.read(&reader) { $0 }
    let received = try targets.read(&reader) { ReceivedTarget($0) }
    if Tracer.isOn {
      Tracer.record(
        .actorCalled, other: 1, value: ActorFrame.traceNumber(id, of: process ?? 0),
        text: MangledFunction.readableName(received.identifier))
    }
    try admit()
    guard let actor = system.record(name), let instance = actor.instance else {
      return refuseUnknown(id, name)
    }
    if received.type !== actor.type {
      received.type = actor.type
      received.target = actor.type.target(received.identifier, instance)
    }
    guard let target = received.target else {
      return refuse(
        id, .otherSignature,
        "the actor is a \(actor.type.name), which has no function \(received.identifier.prefix(200)): resolve it as that type, and build both programs from the same version"
      )
    }
    let call = IncomingCall(
      id: id, ancestors: ancestors, actor: actor, target: target, frame: frame, start: reader.offset,
      connection: self)
    actor.mailbox.post(call, onThisThread: target.isShort)
  }

  // MARK: The end

  private static func describe(_ error: ChannelError) -> String {
    error.code == .closed
      ? "its process has ended or closed the connection" : "the connection failed: \(error)"
  }

  /// The receiving thread ends with this error.
  private func finish(_ error: ChannelError) {
    // The exit status of a child that has died, if it comes soon: a child that lives on isn't waited for.
    if let exit = exit(within: Self.exitStatusTimeout), let processID {
      disconnect("its process \(processID) has ended (\(exit))")
    } else {
      disconnect(Self.describe(error))
    }
    sendQueue.close()
    receiver = nil
    handshake.set(.failure(error))
    end.set(.failure(error))
  }

  /// How a child has ended, which is waited for; nil: it is alive after `timeout`, or isn't a child.
  func exit(within timeout: Duration) -> ChildProcess.Exit? {
    child.withLock { child in (try? child?.wait(within: timeout)) ?? nil }
  }

  /// Ends all calls with an error that has this reason.
  private func disconnect(_ reason: String) {
    let error = IPCActorError(.peerGone, nil, reason)
    system.disconnected(self, error)
    let (sent, unsent) = table.withLock { $0.end(error) }
    for caller in sent { caller.resume(throwing: error.unanswered) }
    for caller in unsent { caller.resume(throwing: error.notSent) }
  }

  /// Closes the connection, and waits until the peer has closed it as well and its process, if it is a child, has
  /// ended. After `timeout` a child is killed; another process is left running.
  func close(within timeout: Duration) {
    disconnect("this process has closed the connection")
    sendQueue.close()
    let deadline = Deadline.within(timeout)
    // Within a call that the receiving thread executes, waiting for that thread would never end.
    if ActorRunQueue.current === runQueue { return }
    if !hasEnded(by: deadline) {
      // The receiving thread ends, whatever the peer does.
      isAbandoned.store(true, ordering: .relaxed)
      guard processID != nil else { return }
      kill()
      _ = hasEnded(by: .never)
    }
    while processID != nil {
      // In slices, because kill() needs the lock too.
      if exit(within: Self.exitWaitSlice) != nil { return }
      if deadline.hasPassed { kill() }
    }
  }

  /// Waits until the receiving thread has ended. False: the deadline has passed.
  private func hasEnded(by deadline: Deadline) -> Bool {
    (try? end.wait(until: deadline)) != nil
  }

  /// What a child process has used, once it has ended.
  var usage: Processes.Usage? { child.withLock { $0?.usage } }

  /// Bytes carried by both channels. Exact once they are closed.
  var bytesCarried: Int { sendQueue.bytesCarried + transport.bytesCarried }

  /// Kills the child process.
  func kill() { child.withLock { $0?.kill() } }
}
