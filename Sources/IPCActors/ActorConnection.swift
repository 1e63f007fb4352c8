import Distributed
import IPC
import Synchronization
import SystemCalls

/// A connection to another actor system: calls go out and come in, and one thread receives.
final class ActorConnection: @unchecked Sendable {
  // The receiving thread's own are marked so; the rest is behind mutexes.

  let system: IPCActorSystem
  private let table = Mutex(ActorCallTable())
  private let nextID = Atomic<UInt64>(1)
  let outbox: ActorOutbox
  private let child: Mutex<ChildProcess?>
  /// The other process's number; nil: it isn't this one's child.
  let processID: Int32?
  private let greeting = Greeting()
  private let ended = Greeting()
  /// Calls of the other side's that aren't answered.
  private let open = Atomic<Int>(0)

  private let patience: Deadline
  /// This side has closed, and the other hasn't within its time.
  private let isClosing = Atomic<Bool>(false)
  /// How a child has ended.
  private let exit = Mutex<ChildProcess.Exit?>(nil)

  // The receiving thread's.
  private var isGreeted = false
  private var receiver: Receiver?
  private let end: any ReceiverTransport
  private let turn = ActorTurn()
  private var actors = ReceivedNameTable<String>()
  private var targets = ReceivedNameTable<HeardTarget>()
  private let mechanism: Mechanism

  /// What the other side calls a function by, and where it was found the last time.
  private final class HeardTarget {
    let identifier: String
    var type: HostedType?
    var target: ActorTarget?
    init(_ identifier: String) { self.identifier = identifier }
  }

  /// The other side's first message, or why there is none.
  private final class Greeting: Sendable {
    let answer = Mutex<Result<UInt64, ChannelError>?>(nil)
    let bell = LocalEventCount()

    func set(_ result: Result<UInt64, ChannelError>) {
      answer.withLock { if $0 == nil { $0 = result } }
      bell.bell.wake()
    }
  }

  /// - Parameter patience: how long the other side may take to say who it is.
  init(
    _ connection: consuming Connection, of system: IPCActorSystem, child: consuming ChildProcess?,
    within patience: Duration
  ) {
    self.system = system
    self.patience = .within(patience)
    mechanism = connection.receiver.mechanism
    switch child {
    case .some(let child): processID = child.id
    case .none: processID = nil
    }
    self.child = Mutex(child)
    end = connection.receiver.end
    receiver = consume connection.receiver
    outbox = ActorOutbox(connection.sender)
    outbox.whenClosed = { [weak self] error in self?.disconnect(Self.words(error)) }
    outbox.send { writer, _ in
      writer.write(ActorFrame.Kind.hello.rawValue)
      writer.write(ActorFrame.version)
      writer.write(system.process)
    }
  }

  /// The number of the other side's system, once it has said it.
  var process: UInt64? { greeting.answer.withLock { try? $0?.get() } }

  var isOpen: Bool { table.withLock { $0.gone == nil } }

  /// Waits until the other side has said who it is, or has taken too long.
  func waitForGreeting() throws(ChannelError) -> UInt64 {
    while true {
      _ = try greeting.bell.bell.wait(until: .never) { () throws(ChannelError) in
        greeting.answer.withLock { $0 != nil }
      }
      if let answer = greeting.answer.withLock({ $0 }) { return try answer.get() }
    }
  }

  private static func unfriendly(_ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .timedOut, .spawn, mechanism,
      "the other process didn't say that it hosts actors: it must call IPCActorSystem.serve, or attach its end"
    )
  }

  // MARK: Calling

  /// Has a frame answered: the outcome's byte, and what follows it.
  nonisolated(nonsending) func ask(_ size: Int, _ write: @escaping UnsentCall.Write) async throws
    -> ActorAnswer
  {
    guard size <= outbox.limit - ActorFrame.overhead else {
      throw IPCActorError(
        .notSupported, nil,
        "a call of \(size) bytes is over the connection's limit of \(outbox.limit): send less, or raise maximumMessageBytes"
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
    enum Step { case send, wait, cancelled, gone(IPCActorError) }
    let step = table.withLock { table -> Step in
      if let gone = table.gone { return .gone(gone) }
      // Who cancelled before it was there to be found hasn't found it.
      if Task.isCancelled { return .cancelled }
      return table.begin(call) ? .send : .wait
    }
    switch step {
    case .gone(let error): call.caller.get(error)
    case .cancelled: call.caller.get(CancellationError())
    case .wait: break
    case .send: send(call)
    }
  }

  private func send(_ call: UnsentCall) {
    outbox.send { writer, names in call.write(call.id, &writer, &names) }
  }

  /// Its caller is told at once; what was sent is carried out, and counts until it is answered.
  private func cancel(_ id: UInt64) {
    let found = table.withLock { $0.giveUp(id) }
    found?.get(CancellationError())
  }

  nonisolated(nonsending) func call(
    _ actor: IPCActorID, _ target: String, _ invocation: ActorInvocationEncoder
  ) async throws -> ActorAnswer {
    let path = CallOrigin.path
    guard path.count <= ActorFrame.deepest else {
      throw IPCActorError(
        .notSupported, nil,
        "the call is made in \(path.count) others, and more than \(ActorFrame.deepest) aren't carried: do they end?"
      )
    }
    let arguments = invocation.writer.bytes
    let size = arguments.count + actor.name.utf8.count + target.utf8.count + 8 * path.count
    return try await ask(size) { id, writer, names in
      writer.write(ActorFrame.Kind.call.rawValue)
      writer.write(id)
      writer.write(UInt8(path.count))
      for number in path { writer.write(number) }
      names.actors.write(actor.name, to: &writer)
      names.targets.write(target, to: &writer)
      writer.append(arguments)
    }
  }

  func list() async throws -> [HostedActor] {
    let answer = try await ask(0) { id, writer, _ in
      writer.write(ActorFrame.Kind.list.rawValue)
      writer.write(id)
    }
    guard answer.outcome == .returned else { throw system.failure(answer, nil) }
    var reader = answer.reader
    return try [HostedActor](from: &reader, answer.frame.span)
  }

  // MARK: Receiving

  /// Starts the thread that receives.
  func start() throws(SystemError) {
    try Threads.start(name: "ipc-actors-in") { self.run() }
  }

  /// Receives until the connection ends, on the calling thread. Returns why it did.
  @discardableResult
  func run() -> ChannelError {
    var why = ChannelError.closed(.receive, mechanism)
    turn.whileCurrent {
      do throws(ChannelError) {
        while true {
          if !isGreeted, patience.hasPassed { throw Self.unfriendly(mechanism) }
          if isClosing.load(ordering: .relaxed) { throw .closed(.receive, mechanism) }
          try receive(until: nextLook)
          turn.runJobs()
          // What they have sent is theirs to wait for, though this thread doesn't wait.
          if turn.hasJobs { _ = FlushRegistry.flushBeforeWaiting() }
        }
      } catch {
        why = error
        hasEnded(error)
      }
    }
    return why
  }

  /// Until when to wait for a message. A process that was spawned can be killed when this side closes; of another this
  /// thread has to look by itself whether it is to go on.
  private var nextLook: Deadline {
    if turn.hasJobs { return .now }
    if !isGreeted { return patience }
    return processID == nil ? .within(.seconds(1)) : .never
  }

  private func receive(until deadline: Deadline) throws(ChannelError) {
    guard let bytes = unsafe try end.take(until: deadline) else { return }
    // Copied once, whole: in shared memory what is checked must be what is used, and elsewhere the room is needed.
    let frame = unsafe Array(bytes)
    end.release()
    try handle(frame)
  }

  private func handle(_ frame: [UInt8]) throws(ChannelError) {
    var reader = MessageReader()
    let raw: UInt8 = try reader.integer(frame.span)
    guard let kind = ActorFrame.Kind(rawValue: raw) else { throw .invalid("a frame of kind \(raw)") }
    guard isGreeted || kind == .hello else { throw .invalid("a frame before the greeting") }
    switch kind {
    case .hello: try handleHello(&reader, frame.span)
    case .reply: try handleReply(&reader, frame)
    case .call: try handleCall(&reader, frame)
    case .list:
      let id: UInt64 = try reader.integer(frame.span)
      guard reader.remaining(frame.span) == 0 else { throw .invalid("a longer question than there is") }
      try admit()
      reply(id, returned: system.hosted)
    }
  }

  private func handleHello(_ reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    let version: UInt16 = try reader.integer(bytes)
    guard version == ActorFrame.version else {
      throw .invalid("version \(version) of the actors' protocol, where \(ActorFrame.version) should be")
    }
    let process: UInt64 = try reader.integer(bytes)
    guard reader.remaining(bytes) == 0, self.process == nil else {
      throw .invalid("a second greeting, or a longer one")
    }
    try system.isConnected(self, to: process)
    isGreeted = true
    greeting.set(.success(process))
  }

  private func handleReply(_ reader: inout MessageReader, _ frame: [UInt8]) throws(ChannelError) {
    let id: UInt64 = try reader.integer(frame.span)
    let answer = ActorAnswer(frame: frame, start: reader.offset)
    guard let (caller, next) = table.withLock({ $0.answered(id) }) else {
      throw .invalid("an answer to a call that wasn't made")
    }
    caller?.get(answer)
    if let next { send(next) }
  }

  private func admit() throws(ChannelError) {
    guard open.wrappingAdd(1, ordering: .relaxed).newValue <= ActorFrame.mostCalls else {
      throw .violation(mechanism, "more calls at once than an actor system makes")
    }
    // Who reads his answers has never more than that to come, and this side's own calls.
    guard outbox.waiting <= ActorFrame.mostCalls * 4 else {
      throw .violation(mechanism, "\(outbox.waiting) messages that the other side doesn't read")
    }
  }

  func isAnswered() { open.subtract(1, ordering: .relaxed) }

  private func handleCall(_ reader: inout MessageReader, _ frame: [UInt8]) throws(ChannelError) {
    let bytes = frame.span
    let id: UInt64 = try reader.integer(bytes)
    let depth: UInt8 = try reader.integer(bytes)
    guard depth <= ActorFrame.deepest else { throw .invalid("a call made in \(depth) others") }
    var ancestors: [UInt64] = []
    for _ in 0..<depth { ancestors.append(try reader.integer(bytes)) }
    let name = try actors.read(&reader, bytes) { $0 }
    let heard = try targets.read(&reader, bytes) { HeardTarget($0) }
    try admit()
    guard let actor = system.record(name), let instance = actor.instance else {
      return refuseUnknown(id, name)
    }
    if heard.type !== actor.type {
      heard.type = actor.type
      heard.target = actor.type.target(heard.identifier, instance)
    }
    guard let target = heard.target else {
      return refuse(
        id, .otherSignature,
        "it is a \(actor.type.name), which has no function \(heard.identifier.prefix(200)): resolve it as that type, and build both programs from the same version"
      )
    }
    let call = IncomingCall(
      id: id, ancestors: ancestors, actor: actor, target: target, frame: frame, start: reader.offset,
      lane: self)
    actor.mailbox.post(call, here: target.isShort)
  }

  // MARK: The end

  private static func words(_ error: ChannelError) -> String {
    error.code == .closed
      ? "its process has ended or closed the connection" : "its connection broke: \(error)"
  }

  private func hasEnded(_ error: ChannelError) {
    // A child that has died says how; one that lives on isn't waited for.
    let exit = child.withLock { child in (try? child?.wait(within: .milliseconds(50))) ?? nil }
    if let exit, let processID {
      self.exit.withLock { $0 = exit }
      disconnect("its process \(processID) has ended (\(exit))")
    } else {
      disconnect(Self.words(error))
    }
    outbox.close()
    receiver = nil
    greeting.set(.failure(error))
    ended.set(.success(0))
  }

  /// How a child ended before it said anything, for an error of its start.
  var exitWords: String { exit.withLock { $0 }.map { "ended (\($0)) before it said" } ?? "didn't say" }

  /// No answer comes any more: whoever waits for one is told.
  private func disconnect(_ words: String) {
    let gone = IPCActorError(
      .peerGone, nil, words + "; whether a call that was under way was carried out isn't known")
    system.isDisconnected(self, gone)
    for caller in table.withLock({ $0.end(gone) }) { caller.get(gone) }
  }

  /// Tells the other side that this one has closed, and waits until it has as well, and its process, if it is a child, has
  /// ended. A child that hasn't within `patience` is killed; another process is left alone.
  func close(within patience: Duration) {
    disconnect("this side has closed the connection")
    outbox.close()
    let deadline = Deadline.within(patience)
    // From a call that this very thread carries out nothing more can be waited for.
    if ActorTurn.current === turn { return }
    if !hasEnded(by: deadline) {
      // The thread that receives goes, whatever the other side does.
      isClosing.store(true, ordering: .relaxed)
      guard processID != nil else { return }
      kill()
      _ = hasEnded(by: .never)
    }
    while processID != nil {
      // Not for ever at once: somebody may want to kill it meanwhile.
      let exit = child.withLock { child in (try? child?.wait(within: .milliseconds(20))) ?? nil }
      if exit != nil { return }
      if deadline.hasPassed { kill() }
    }
  }

  private func hasEnded(by deadline: Deadline) -> Bool {
    let ended = try? self.ended.bell.bell.wait(until: deadline) { () throws(ChannelError) in
      self.ended.answer.withLock { $0 != nil }
    }
    return ended ?? false
  }

  /// What a child has used, once it has ended.
  var usage: Processes.Usage? { child.withLock { $0?.usage } }

  /// Of both channels. Exact when they are closed.
  var bytesCarried: Int { outbox.bytesCarried + end.bytesCarried }

  /// Ends the child at once.
  func kill() { child.withLock { $0?.kill() } }
}
