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
/// Arguments and results are ``/IPC/Message``s: strings, numbers, collections and optionals of them, and `Codable`
/// types that conform to it. An error that an actor throws arrives as itself where both sides ``carry(_:)`` its type, and as
/// ``IPCActorError/Code/threw`` with its description otherwise. Either side of a connection can host actors and call the
/// other's.
///
/// **One call at a time.** Each actor executes calls from other processes one after the other, in the order in which a
/// caller made them, each to its end. While a call waits for something, the next one doesn't begin, unless it is nested in
/// the first (A calls B, and B calls A back). Two actors that call each other at the same time deadlock until their callers
/// are cancelled. To avoid that, host one of them with `interleaves`: its calls then interleave as those of Swift's local
/// actors do.
///
/// **The end.** When a process dies or closes its connection, every call that waits for its answer throws
/// ``IPCActorError/Code/peerGone`` within 100 ms. A call whose task is cancelled throws `CancellationError` at once; if it
/// was sent, it is executed all the same.
///
/// At most 1024 calls in one direction of a connection are unanswered; further ones wait. Calls that take microseconds run
/// on the thread that receives them, others on Dispatch's threads.
///
/// A system that has connections or hosts actors exists until ``close(within:)`` or the end of the process: they reference
/// each other.
///
/// System calls: those of the mechanism; one thread for each connection, and another while its channel is full.
public final class IPCActorSystem: DistributedActorSystem, Sendable {
  /// Identifies a distributed actor.
  public typealias ActorID = IPCActorID
  /// Encodes a call.
  public typealias InvocationEncoder = ActorInvocationEncoder
  /// Decodes a call.
  public typealias InvocationDecoder = ActorInvocationDecoder
  /// Sends the result of a call.
  public typealias ResultHandler = ActorResultHandler
  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  /// This system's number, chosen at random. It distinguishes the system's actors from those of others.
  public let process = UInt64.random(in: 1 ... .max)

  private struct State {
    var records: [String: HostedActorRecord] = [:]
    var types: [ObjectIdentifier: HostedType] = [:]
    var unnamed = 0
    /// Connections whose handshake is complete, by the number of the other system.
    var connections: [UInt64: ActorConnection] = [:]
    /// All connections.
    var all: [ObjectIdentifier: ActorConnection] = [:]
    /// Why earlier connections have ended, for the last few thousand of them.
    var ended: [UInt64: IPCActorError] = [:]
  }
  private static let maximumEnded = 4096
  private let state = Locked(State())
  private let errors = CarriedErrors()

  /// A system without actors and connections.
  public init() {}

  /// A task that prefers this executor continues on the thread that receives its answer, without the wake-up of another
  /// thread. A call then takes a few microseconds. Such a task must neither compute for long nor block: the connection
  /// receives nothing meanwhile.
  public static var executor: any TaskExecutor { ActorExecutor.shared }

  /// The name that ``host(_:interleaves:_:)`` gives to the next actor. It is taken once.
  private final class Naming: Sendable {
    private let name: Locked<(name: String, interleaves: Bool)?>
    init(_ name: String, _ interleaves: Bool) { self.name = Locked((name, interleaves)) }
    func take() -> (name: String, interleaves: Bool)? { name.withLock { $0.take() } }
  }
  @TaskLocal private static var naming: Naming?

  // MARK: Hosting

  /// Makes an actor that other processes can call under this name, and keeps it until ``close(within:)`` or
  /// ``unhost(_:)``.
  ///
  /// - Parameters:
  ///   - name: the actor's name, which must be unique in this system.
  ///   - interleaves: whether a call may begin while another waits for something, as with Swift's local actors.
  ///   - make: makes the actor. It must be the first actor of this system that the closure makes.
  /// - Throws: `nameTaken`; `notSupported` for a type whose functions the runtime can't find by name, such as a generic
  ///   one or one that is private to a file; what `make` throws.
  @discardableResult
  public func host<Act: DistributedActor>(
    _ name: String, interleaves: Bool = false, _ make: (IPCActorSystem) throws -> Act
  ) throws -> Act where Act.ActorSystem == IPCActorSystem {
    if state.withLock({ $0.records[name] != nil }) {
      throw IPCActorError(
        .nameTaken, IPCActorID(process: process, name: name),
        "another actor has this name: unhost(_:) it first, or choose another name")
    }
    let actor = try Self.$naming.withValue(Naming(name, interleaves)) { try make(self) }
    guard actor.id == IPCActorID(process: process, name: name), let record = record(name) else {
      throw IPCActorError(
        .nameTaken, IPCActorID(process: process, name: name),
        "the closure made another actor of this system first, or another actor took the name meanwhile: make only this actor in the closure"
      )
    }
    guard record.type.isCallable else {
      unhost(name)
      throw IPCActorError(
        .notSupported, actor.id,
        "the type \(record.type.name) is generic, private to its file or local to a function, so that calls can't find its functions: make it an internal or public type of the module"
      )
    }
    record.keep(actor)
    return actor
  }

  /// Stops hosting the actor of this name. Calls that wait for it fail with ``IPCActorError/Code/unknownActor``.
  public func unhost(_ name: String) {
    state.withLock { $0.records.removeValue(forKey: name) }?.end()
  }

  /// The actors of this system that can be called, ordered by name.
  public var hosted: [HostedActor] {
    state.withLock { state in
      state.records.values.map {
        HostedActor(id: IPCActorID(process: process, name: $0.name), type: $0.type.name)
      }
    }.sorted { $0.id.name < $1.id.name }
  }

  /// Sends errors of this type as values: an error that an actor throws arrives as itself if both sides have called this.
  public func carry<Failure: Error & Message>(_ type: Failure.Type) { errors.add(type) }

  // MARK: Connections

  /// Closes every connection, as ``ActorPeer/close(within:)`` does, and releases the actors that it hosts.
  public func close(within timeout: Duration = .seconds(5)) {
    let (connections, records) = state.withLock { state in
      defer { state.records = [:] }
      return (Array(state.all.values), Array(state.records.values))
    }
    for record in records { record.end() }
    for connection in connections { connection.close(within: timeout) }
  }

  /// Adds a connection whose handshake isn't complete.
  func register(_ connection: ActorConnection) {
    state.withLock { $0.all[ObjectIdentifier(connection)] = connection }
  }

  /// The handshake of a connection is complete.
  /// - Throws: `invalidMessage`, when the other system is this one, or is connected already.
  func connected(_ connection: ActorConnection, to process: UInt64) throws(ChannelError) {
    let isNew = state.withLock { state in
      guard process != self.process, state.connections[process] == nil else { return false }
      state.connections[process] = connection
      return true
    }
    if !isNew {
      throw .invalid("a handshake with the number of this system, or of one that is connected already")
    }
  }

  /// Removes a connection that has ended.
  func disconnected(_ connection: ActorConnection, _ reason: IPCActorError) {
    state.withLock { state in
      state.all[ObjectIdentifier(connection)] = nil
      guard let process = connection.process, state.connections[process] === connection else { return }
      state.connections[process] = nil
      if state.ended.count >= Self.maximumEnded { state.ended = [:] }
      state.ended[process] = reason
    }
  }

  func record(_ name: String) -> HostedActorRecord? { state.withLock { $0.records[name] } }

  func encode(_ error: any Error, to writer: inout MessageWriter) -> Bool {
    errors.encode(error, to: &writer)
  }

  // MARK: What the compiler's code calls

  /// The actor itself, if it belongs to this system; nil for an actor of another process.
  /// - Throws: `unknownActor` or `otherSignature` for an actor of this system; `notConnected`.
  public func resolve<Act: DistributedActor>(id: IPCActorID, as type: Act.Type) throws -> Act?
  where Act.ID == IPCActorID {
    if id.process == process {
      guard let record = record(id.name), let instance = record.instance else {
        throw IPCActorError(
          .unknownActor, id, "this system has no actor of this name: check the name, or host(_:) it")
      }
      guard let actor = instance as? Act else {
        throw IPCActorError(
          .otherSignature, id, "it is a \(record.type.name), not a \(type): resolve it as that type")
      }
      return actor
    }
    _ = try connection(id)
    return nil
  }

  private func connection(_ id: IPCActorID) throws(IPCActorError) -> ActorConnection {
    let (connection, ended) = state.withLock { ($0.connections[id.process], $0.ended[id.process]) }
    if let connection { return connection }
    if let ended { throw IPCActorError(ended.code, id, ended.message) }
    throw IPCActorError(
      .notConnected, id,
      "there is no connection to its process: spawn(…) or attach(_:) makes one")
  }

  /// The id of a new actor: the name that ``host(_:interleaves:_:)`` has given, or its type and a number.
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

  /// Makes a new actor available to calls.
  public func actorReady<Act: DistributedActor>(_ actor: Act) where Act.ID == IPCActorID {
    record(actor.id.name)?.setReady(actor)
  }

  /// Removes an actor that was released.
  public func resignID(_ id: IPCActorID) {
    // A new actor may have the name by now. Its instance is read without the lock: this may be its last reference.
    guard let record = record(id.name), record.instance == nil else { return }
    let removed = state.withLock { state in
      state.records[id.name] === record ? state.records.removeValue(forKey: id.name) : nil
    }
    removed?.end()
  }

  /// An encoder for a new call.
  public func makeInvocationEncoder() -> ActorInvocationEncoder { ActorInvocationEncoder() }

  /// Calls a function of an actor in another process, and waits for its result.
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
        "the result of \(target) isn't a valid \(Res.self) (\(error)): build both programs from the same version"
      )
    }
  }

  /// Calls a function without a result of an actor in another process, and waits until it returns.
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
        "\(target) is generic, and types aren't sent: write a function for each type, or use a protocol with @Resolvable"
      )
    }
    let answer: ActorAnswer
    do {
      let connection: ActorConnection
      do throws(IPCActorError) {
        connection = try self.connection(id)
      } catch {
        throw error.code == .peerGone ? error.notSent : error
      }
      answer = try await connection.call(id, target.identifier, invocation)
    } catch let error as IPCActorError where error.actor == nil {
      throw IPCActorError(error.code, id, error.message, errorType: error.errorType)
    }
    if answer.outcome == .returned { return answer }
    throw failure(answer, id)
  }

  /// The error in an answer that isn't a result.
  func failure(_ answer: ActorAnswer, _ id: IPCActorID?) -> any Error {
    let frame = answer.frame
    var reader = MessageReader(frame.span, at: answer.contents)
    do throws(ChannelError) {
      switch answer.outcome {
      case .threwValue: return try errors.decode(&reader, id)
      case .threwDescription:
        let type = try reader.string()
        let description = try reader.string()
        return IPCActorError(
          .threw, id,
          "it threw \(type): \(description); to get the error itself, make its type a Message, and call carry(\(type).self) on the actor system in both processes",
          errorType: type)
      case .refused:
        let code = try reader.string()
        return IPCActorError(.init(rawValue: code), id, try reader.string())
      case .returned, nil: throw .invalid("an unknown outcome")
      }
    } catch {
      return IPCActorError(
        .invalidResult, id,
        "its answer can't be decoded (\(error)): build both programs from the same version")
    }
  }
}
