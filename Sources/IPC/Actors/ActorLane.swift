import Distributed
import Synchronization
import SystemCalls

/// A connection to another actor system: calls go out and come in, and one thread receives.
final class ActorLane: @unchecked Sendable {
  // The receiving thread's own are marked so; the rest is behind mutexes.

  typealias Write = @Sendable (UInt64, inout MessageWriter, inout ToldNames) -> Void

  /// A frame, and where the outcome's byte stands in it.
  struct Answer: Sendable {
    let frame: [UInt8]
    let start: Int

    var outcome: ActorFrame.Outcome? {
      start < frame.count ? ActorFrame.Outcome(rawValue: frame[start]) : nil
    }
    /// What follows the outcome.
    var reader: MessageReader { MessageReader(at: start + 1) }
  }

  /// Who waits for an answer.
  @safe private struct Caller: Sendable {
    let continuation: UnsafeContinuation<Answer, any Error>

    func get(_ answer: Answer) { unsafe continuation.resume(returning: answer) }
    func get(_ error: any Error) { unsafe continuation.resume(throwing: error) }
  }

  /// A call that isn't on its way yet.
  private struct UnsentCall: Sendable {
    let id: UInt64
    let caller: Caller
    let write: Write
  }

  private struct Table {
    var pending: [UInt64: Caller] = [:]
    /// Calls that aren't answered, also those that nobody waits for any more.
    var onTheirWay = 0
    /// Those who wait until fewer are.
    var waiting: [UnsentCall] = []
    var gone: IPCActorError?

    mutating func isOnItsWay(_ call: UnsentCall) {
      onTheirWay += 1
      pending[call.id] = call.caller
    }

    var isFull: Bool { onTheirWay >= ActorFrame.mostCalls }
  }

  let system: IPCActorSystem
  private let table = Mutex(Table())
  private let nextID = Atomic<UInt64>(1)
  private let outbox: ActorOutbox
  private let child: Mutex<ChildProcess?>
  /// The other process's number; nil: it isn't this one's child.
  let processID: Int32?
  private let greeting = Greeting()
  private let ended = Greeting()
  /// Calls of the other side's that aren't answered.
  private let open = Atomic<Int>(0)

  private let patience: Deadline

  // The receiving thread's.
  private var isGreeted = false
  private var receiver: Receiver?
  private let end: any ReceivingEnd
  private let turn = ActorTurn()
  private var actors = HeardNames<String>()
  private var targets = HeardNames<HeardTarget>()
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
    let bell = LocalDoorbell()

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
  nonisolated(nonsending) func ask(_ size: Int, _ write: @escaping Write) async throws -> Answer {
    guard size <= outbox.limit - ActorFrame.overhead else {
      throw IPCActorError(
        .notSupported, nil,
        "a call of \(size) bytes is over the connection's limit of \(outbox.limit): send less, or raise maximumMessageBytes"
      )
    }
    let id = nextID.wrappingAdd(1, ordering: .relaxed).newValue
    return try await withTaskCancellationHandler {
      unsafe try await withUnsafeThrowingContinuation { continuation in
        begin(UnsentCall(id: id, caller: unsafe Caller(continuation: continuation), write: write))
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
      if table.isFull {
        table.waiting.append(call)
        return .wait
      }
      table.isOnItsWay(call)
      return .send
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
    let found = table.withLock { table -> Caller? in
      if let index = table.waiting.firstIndex(where: { $0.id == id }) {
        return table.waiting.remove(at: index).caller
      }
      return table.pending.removeValue(forKey: id)
    }
    found?.get(CancellationError())
  }

  nonisolated(nonsending) func call(
    _ actor: IPCActorID, _ target: String, _ invocation: ActorInvocationEncoder
  ) async throws -> Answer {
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

  // MARK: Answering

  private func answer(_ id: UInt64, _ outcome: ActorFrame.Outcome, _ bytes: [UInt8]) {
    // Before the answer: the next call may follow it at once.
    open.subtract(1, ordering: .relaxed)
    outbox.send { writer, _ in
      writer.write(ActorFrame.Kind.reply.rawValue)
      writer.write(id)
      writer.write(outcome.rawValue)
      writer.append(bytes)
    }
  }

  /// How much of a message an answer may take.
  private var room: Int { outbox.limit - ActorFrame.overhead }

  func reply<Value: Message>(_ id: UInt64, returned value: Value) {
    var writer = MessageWriter()
    do throws(ChannelError) {
      try value.encode(to: &writer)
    } catch {
      return refuse(id, .notSupported, "the result can't be sent: \(error)")
    }
    guard writer.bytes.count <= room else {
      return refuse(
        id, .notSupported,
        "the result's \(writer.bytes.count) bytes are over the connection's limit of \(outbox.limit): return less, or raise maximumMessageBytes"
      )
    }
    answer(id, .returned, writer.bytes)
  }

  func replyVoid(_ id: UInt64) { answer(id, .returned, []) }

  func reply(_ id: UInt64, thrown error: any Error) {
    if let argument = error as? ActorArgumentError {
      return refuse(
        id, .otherSignature,
        "an argument is no \(argument.type) (\(argument.error)): build both programs from the same version")
    }
    var writer = MessageWriter()
    if system.encode(error, to: &writer), writer.bytes.count <= room {
      return answer(id, .threwKnown, writer.bytes)
    }
    writer.removeAll()
    writer.write(fitting(String(reflecting: type(of: error)), room / 2))
    writer.write(fitting(String(describing: error), room - writer.bytes.count - 4))
    answer(id, .threw, writer.bytes)
  }

  /// As much of a text as fits, and never more than anybody reads.
  private func fitting(_ text: String, _ bytes: Int) -> String {
    let most = min(bytes, 4096)
    if text.utf8.count <= most { return text }
    var used = 0
    return String(
      text.prefix { character in
        used += character.utf8.count
        return used <= most
      })
  }

  func refuse(_ id: UInt64, _ code: IPCActorError.Code, _ words: String) {
    var writer = MessageWriter()
    writer.write(code.rawValue)
    writer.write(fitting(words, room - writer.bytes.count - 4))
    answer(id, .refused, writer.bytes)
  }

  func refuseUnknown(_ id: UInt64, _ name: String) {
    refuse(
      id, .unknownActor,
      "no actor \"\(name)\" is hosted there, or no more: ActorPeer.hosted() lists those that are")
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
          try receive(until: turn.hasJobs ? .now : isGreeted ? .never : patience)
          turn.runJobs()
        }
      } catch {
        why = error
        hasEnded(error)
      }
    }
    return why
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
    switch kind {
    case .hello: try handleHello(&reader, frame.span)
    case .reply: try handleReply(&reader, frame)
    case .call: try handleCall(&reader, frame)
    case .list:
      let id: UInt64 = try reader.integer(frame.span)
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
    let answer = Answer(frame: frame, start: reader.offset)
    let (waiting, next) = table.withLock { table in
      table.onTheirWay -= 1
      let waiting = table.pending.removeValue(forKey: id)
      if table.isFull || table.waiting.isEmpty { return (waiting, nil as UnsentCall?) }
      let next = table.waiting.removeFirst()
      table.isOnItsWay(next)
      return (waiting, next)
    }
    // Nobody waits for the answer of a call that was cancelled.
    waiting?.get(answer)
    if let next { send(next) }
  }

  private func admit() throws(ChannelError) {
    guard open.wrappingAdd(1, ordering: .relaxed).newValue <= ActorFrame.mostCalls else {
      throw .violation(mechanism, "more calls at once than an actor system makes")
    }
  }

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
        "it is a \(actor.type.name), which has no \(RemoteCallTarget(heard.identifier)): resolve it as that type, and build both programs from the same version"
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
    outbox.close()
    receiver = nil
    // A child that has died says how; one that lives on isn't waited for.
    let exit = child.withLock { child in (try? child?.wait(within: .milliseconds(50))) ?? nil }
    if let exit, let processID {
      disconnect("its process \(processID) has ended (\(exit))")
    } else {
      disconnect(Self.words(error))
    }
    greeting.set(.failure(error))
    ended.set(.success(0))
  }

  /// No answer comes any more: whoever waits for one is told.
  private func disconnect(_ words: String) {
    let gone = IPCActorError(
      .peerGone, nil, words + "; whether a call that was under way was carried out isn't known")
    system.isDisconnected(self, gone)
    let (pending, waiting) = table.withLock { table in
      table.gone = table.gone ?? gone
      defer {
        table.pending = [:]
        table.waiting = []
      }
      return (table.pending, table.waiting)
    }
    for caller in pending.values { caller.get(gone) }
    for call in waiting { call.caller.get(gone) }
  }

  /// Tells the other side that this one has closed, and waits until it has as well, and its process, if it is a child, has
  /// ended. A child that hasn't within `patience` is killed; another process is left alone.
  func close(within patience: Duration) {
    outbox.close()
    // From a call that this very thread carries out nothing more can be waited for.
    if ActorTurn.current === turn { return }
    let deadline = Deadline.within(patience)
    if !hasEnded(by: deadline), processID != nil {
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
