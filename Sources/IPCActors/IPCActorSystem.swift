public import Distributed
public import IPC
import Synchronization
import SystemCalls

/// Distributed actors between processes, over any mechanism that carries messages.
///
/// ```swift
/// distributed actor Counter {
///   typealias ActorSystem = IPCActorSystem
///   private var count = 0
///   distributed func add(_ number: Int) -> Int { count += number; return count }
/// }
/// // the program that hosts actors:
/// try IPCActorSystem.serve { system in try system.host("counter") { Counter(actorSystem: $0) } }
/// // the one that calls them:
/// let system = IPCActorSystem()
/// let peer = try system.spawn("/usr/bin/counters", over: .memory)
/// let counter = try peer.resolve(Counter.self, named: "counter")
/// print(try await counter.add(1))
/// ```
///
/// Arguments and results are ``/IPC/Message``s: strings, numbers, arrays and optionals of them, ``/IPCJSON/JSONMessage`` types, yours.
/// An error that an actor throws comes as ``IPCActorError/Code/threw`` with its words, or as what it is where both sides
/// ``carry(_:)`` it. Either side of a connection can host actors and call the other's.
///
/// **One message at a time.** Calls from other processes are carried out one after the other by each actor, in the order
/// in which a caller made them, each to its end: while one waits for something, the next doesn't begin, unless it is made
/// in that very call (A calls B, and B calls A back). Two actors that call each other at the same time wait for each other
/// for ever, or until their callers are cancelled: host one of them with `interleaves`, which is what Swift's actors do
/// among themselves.
///
/// **The end.** When a process has died or closed its connection, everybody who waits for an answer from there gets
/// ``IPCActorError/Code/peerGone``, within 100 ms. A caller whose task is cancelled gets `CancellationError` at once; the
/// call itself, if it was sent, is carried out.
///
/// At most 1024 calls of one direction of a connection are on their way; more wait. Calls that take microseconds are
/// carried out by the thread that receives them, others by Dispatch's.
///
/// A system that has connections or hosts actors lives until ``close(within:)``, or the process's end: they hold on to each
/// other.
///
/// System calls: those of the mechanism; one thread for each connection, and another while its channel is full.
public final class IPCActorSystem: DistributedActorSystem, Sendable {
  /// What a distributed actor is known by.
  public typealias ActorID = IPCActorID
  /// What writes a call.
  public typealias InvocationEncoder = ActorInvocationEncoder
  /// What reads it.
  public typealias InvocationDecoder = ActorInvocationDecoder
  /// What sends its result back.
  public typealias ResultHandler = ActorResultHandler
  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  /// This system's number, drawn at random: it tells its actors from those of other systems.
  public let process = UInt64.random(in: 1 ... .max)

  private struct State {
    var records: [String: HostedActorRecord] = [:]
    var types: [ObjectIdentifier: HostedType] = [:]
    var unnamed = 0
    var lanes: [UInt64: ActorConnection] = [:]
    /// Also those that haven't said who they are.
    var all: [ObjectIdentifier: ActorConnection] = [:]
    /// Why those that were connected are no more; the last thousands of them.
    var gone: [UInt64: IPCActorError] = [:]
  }
  private let state = Mutex(State())
  private let errors = CarriedErrors()

  /// A system that hosts nothing and is connected to nobody, yet.
  public init() {}

  /// A task that prefers this executor goes on at once where an answer arrives, on the connection's own thread. A call is
  /// then a few microseconds where it would be another thread's wake-up. Such a task must neither compute for long nor
  /// block: meanwhile that connection receives nothing.
  public static var executor: any TaskExecutor { ActorExecutor.shared }

  /// Whether to host what ``host(_:interleaves:_:)`` makes under this name.
  private final class Naming: Sendable {
    private let name: Mutex<(name: String, interleaves: Bool)?>
    init(_ name: String, _ interleaves: Bool) { self.name = Mutex((name, interleaves)) }
    func take() -> (name: String, interleaves: Bool)? { name.withLock { $0.take() } }
  }
  @TaskLocal private static var naming: Naming?

  // MARK: Hosting

  /// Makes an actor that other processes can call under this name, and keeps it until ``close(within:)`` or
  /// ``unhost(_:)``.
  ///
  /// - Parameters:
  ///   - name: no other actor of this system has it.
  ///   - interleaves: whether a call may begin while another waits for something, as among Swift's own actors.
  ///   - make: makes the actor, which is the first that it makes of this system.
  /// - Throws: `nameTaken`; `notSupported` for a type that no call can find: one that is generic, or private to a file;
  ///   what `make` throws.
  @discardableResult
  public func host<Act: DistributedActor>(
    _ name: String, interleaves: Bool = false, _ make: (IPCActorSystem) throws -> Act
  ) throws -> Act where Act.ActorSystem == IPCActorSystem {
    if state.withLock({ $0.records[name] != nil }) {
      throw IPCActorError(
        .nameTaken, IPCActorID(process: process, name: name),
        "the name is taken: unhost(_:) it first, or choose another")
    }
    let actor = try Self.$naming.withValue(Naming(name, interleaves)) { try make(self) }
    guard actor.id == IPCActorID(process: process, name: name), let record = record(name) else {
      throw IPCActorError(
        .nameTaken, IPCActorID(process: process, name: name),
        "the actor that was made isn't the first of this system, or another took its name meanwhile")
    }
    guard record.type.isCallable else {
      unhost(name)
      throw IPCActorError(
        .notSupported, actor.id,
        "a \(record.type.name) is generic, private to its file or local to a function, where no call from outside finds it: make it a type of the module, internal or public"
      )
    }
    record.keep(actor)
    return actor
  }

  /// Hosts the actor of this name no more. Calls that wait for it are refused as those of an unknown actor.
  public func unhost(_ name: String) {
    state.withLock { $0.records.removeValue(forKey: name) }?.end()
  }

  /// The actors that can be called here, by name.
  public var hosted: [HostedActor] {
    state.withLock { state in
      state.records.values.map {
        HostedActor(id: IPCActorID(process: process, name: $0.name), type: $0.type.name)
      }
    }.sorted { $0.id.name < $1.id.name }
  }

  /// Errors of this type that an actor throws arrive as what they are, where both sides have said this.
  public func carry<Failure: Error & Message>(_ type: Failure.Type) { errors.add(type) }

  // MARK: Connections

  /// Closes every connection, as ``ActorPeer/close(within:)`` does, and lets go of the actors that it hosts.
  public func close(within patience: Duration = .seconds(5)) {
    let (lanes, records) = state.withLock { state in
      defer { state.records = [:] }
      return (Array(state.all.values), Array(state.records.values))
    }
    for record in records { record.end() }
    for lane in lanes { lane.close(within: patience) }
  }

  /// A connection has begun, whose other side hasn't said who it is.
  func begins(_ lane: ActorConnection) { state.withLock { $0.all[ObjectIdentifier(lane)] = lane } }

  /// A connection's other side has said who it is.
  func isConnected(_ lane: ActorConnection, to process: UInt64) throws(ChannelError) {
    let isNew = state.withLock { state in
      guard process != self.process, state.lanes[process] == nil else { return false }
      state.lanes[process] = lane
      return true
    }
    if !isNew {
      throw .invalid("the other side says that it is a system that is connected already, or this one")
    }
  }

  func isDisconnected(_ lane: ActorConnection, _ why: IPCActorError) {
    state.withLock { state in
      state.all[ObjectIdentifier(lane)] = nil
      guard let process = lane.process, state.lanes[process] === lane else { return }
      state.lanes[process] = nil
      if state.gone.count >= 4096 { state.gone = [:] }
      state.gone[process] = why
    }
  }

  func record(_ name: String) -> HostedActorRecord? { state.withLock { $0.records[name] } }

  func encode(_ error: any Error, to writer: inout MessageWriter) -> Bool {
    errors.encode(error, to: &writer)
  }

  // MARK: What the compiler's code calls

  /// The actor itself where it is of this system; nil where it is another process's, which is then called.
  /// - Throws: `unknownActor`, `otherSignature` for one of this system; `notConnected`.
  public func resolve<Act: DistributedActor>(id: IPCActorID, as type: Act.Type) throws -> Act?
  where Act.ID == IPCActorID {
    if id.process == process {
      guard let record = record(id.name), let instance = record.instance else {
        throw IPCActorError(.unknownActor, id, "no actor of this name is hosted here")
      }
      guard let actor = instance as? Act else {
        throw IPCActorError(.otherSignature, id, "it is a \(record.type.name), not a \(type)")
      }
      return actor
    }
    _ = try lane(id)
    return nil
  }

  private func lane(_ id: IPCActorID) throws(IPCActorError) -> ActorConnection {
    let (lane, gone) = state.withLock { ($0.lanes[id.process], $0.gone[id.process]) }
    if let lane { return lane }
    if let gone { throw IPCActorError(gone.code, id, gone.message) }
    throw IPCActorError(
      .notConnected, id,
      "no connection leads to its process, or no more: spawn(…) or attach(_:) makes one")
  }

  /// A new actor's id: the name that ``host(_:interleaves:_:)`` gave, or its type and a number.
  public func assignID<Act: DistributedActor>(_ type: Act.Type) -> IPCActorID where Act.ID == IPCActorID {
    let given = Self.naming?.take()
    let record = state.withLock { state in
      var name = given?.name ?? ""
      while name.isEmpty || state.records[name] != nil {
        state.unnamed += 1
        name = "\(type)#\(state.unnamed)"
      }
      let known = state.types[ObjectIdentifier(type)] ?? HostedType(type)
      state.types[ObjectIdentifier(type)] = known
      let record = HostedActorRecord(name, known, interleaves: given?.interleaves ?? false)
      state.records[name] = record
      return record
    }
    return IPCActorID(process: process, name: record.name)
  }

  /// The actor can be called from now on.
  public func actorReady<Act: DistributedActor>(_ actor: Act) where Act.ID == IPCActorID {
    record(actor.id.name)?.isReady(actor)
  }

  /// The actor is gone.
  public func resignID(_ id: IPCActorID) {
    // Its name may be another's by now, who lives. Not asked under the lock: the answer may be the last to hold it.
    guard let record = record(id.name), record.instance == nil else { return }
    let gone = state.withLock { state in
      state.records[id.name] === record ? state.records.removeValue(forKey: id.name) : nil
    }
    gone?.end()
  }

  /// What writes a call.
  public func makeInvocationEncoder() -> ActorInvocationEncoder { ActorInvocationEncoder() }

  /// Calls a function of an actor in another process, and waits for what it returns.
  public func remoteCall<Act: DistributedActor, Err: Error, Res: Message>(
    on actor: Act, target: RemoteCallTarget, invocation: inout ActorInvocationEncoder, throwing: Err.Type,
    returning: Res.Type
  ) async throws -> Res where Act.ID == IPCActorID {
    let answer = try await call(actor.id, target, invocation)
    do throws(ChannelError) {
      return try Res(decoding: answer.frame.span.extracting((answer.start + 1)...))
    } catch {
      throw IPCActorError(
        .invalidResult, actor.id,
        "what \(target) returned is no \(Res.self) (\(error)): build both programs from the same version")
    }
  }

  /// Calls a function without a result of an actor in another process, and waits until it has returned.
  public func remoteCallVoid<Act: DistributedActor, Err: Error>(
    on actor: Act, target: RemoteCallTarget, invocation: inout ActorInvocationEncoder, throwing: Err.Type
  ) async throws where Act.ID == IPCActorID {
    _ = try await call(actor.id, target, invocation)
  }

  private nonisolated(nonsending) func call(
    _ id: IPCActorID, _ target: RemoteCallTarget, _ invocation: ActorInvocationEncoder
  ) async throws
    -> ActorAnswer
  {
    let isStub = invocation.generics == 1 && MangledFunction(target.identifier)?.stubbedProtocol != nil
    guard invocation.generics == 0 || isStub else {
      throw IPCActorError(
        .notSupported, id,
        "\(target) is generic, and types don't travel: give each type a function of its own, or use a protocol with @Resolvable"
      )
    }
    let answer: ActorAnswer
    do {
      answer = try await lane(id).call(id, target.identifier, invocation)
    } catch let error as IPCActorError where error.actor == nil {
      throw IPCActorError(error.code, id, error.message, errorType: error.errorType)
    }
    if answer.outcome == .returned { return answer }
    throw failure(answer, id)
  }

  /// What an answer that isn't a result says.
  func failure(_ answer: ActorAnswer, _ id: IPCActorID?) -> any Error {
    var reader = answer.reader
    let bytes = answer.frame
    do throws(ChannelError) {
      switch answer.outcome {
      case .threwKnown: return try errors.decode(&reader, bytes.span, id)
      case .threw:
        let type = try reader.string(bytes.span)
        return IPCActorError(
          .threw, id, "it threw \(type): \(try reader.string(bytes.span))", errorType: type)
      case .refused:
        let code = try reader.string(bytes.span)
        return IPCActorError(.init(rawValue: code), id, try reader.string(bytes.span))
      case .returned, nil: throw .invalid("an outcome that there isn't")
      }
    } catch {
      return IPCActorError(.invalidResult, id, "its answer can't be read: \(error)")
    }
  }
}
