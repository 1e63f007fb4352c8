import Distributed
import IPC
import Synchronization
import SystemCalls

/// The call that the current task executes.
enum CallOrigin: Sendable {
  case call(IncomingCall)
  /// Whichever call the mailbox executes at the moment: binding a task-local value for each call costs as much as a short
  /// call itself. Used for functions that have made no calls in many executions; once such a function makes a call after
  /// all, each execution binds its own value.
  case mailbox(Mailbox)

  @TaskLocal static var current: CallOrigin?

  /// The calls in which a call that the current task makes is nested, the outermost first.
  static var path: [UInt64] {
    switch current {
    case .none: return []
    case .call(let call):
      call.target.recordCall()
      return call.path
    case .mailbox(let mailbox):
      guard let call = mailbox.running else { return [] }
      call.target.recordCall()
      return call.path
    }
  }
}

/// A call from another process, until it is answered.
final class IncomingCall: Sendable {
  let id: UInt64
  /// The calls in which it is nested, the outermost first.
  private let ancestors: [UInt64]
  let target: ActorTarget
  /// Identifies it in nested calls; 0: it has made none yet.
  private let number = Atomic<UInt64>(0)
  private let actor: HostedActorRecord
  private let frame: [UInt8]
  /// The offset of its arguments in the frame.
  private let offset: Int
  private let connection: ActorConnection

  init(
    id: UInt64, ancestors: [UInt64], actor: HostedActorRecord, target: ActorTarget, frame: [UInt8],
    start: Int,
    connection: ActorConnection
  ) {
    self.id = id
    self.ancestors = ancestors
    self.actor = actor
    self.target = target
    self.frame = frame
    offset = start
    self.connection = connection
  }

  /// Whether it is nested in the other call.
  func isNested(in other: IncomingCall) -> Bool {
    if ancestors.isEmpty { return false }
    let number = other.number.load(ordering: .acquiring)
    return number != 0 && ancestors.contains(number)
  }

  /// The calls in which its own calls are nested, the outermost first.
  var path: [UInt64] {
    if number.load(ordering: .acquiring) == 0 {
      _ = number.compareExchange(expected: 0, desired: Self.newNumber(), ordering: .acquiringAndReleasing)
    }
    return ancestors + [number.load(ordering: .acquiring)]
  }

  private static let counter = Atomic<UInt64>(UInt64.random(in: 1 ... .max))

  /// A number that no other call has, with high probability: each process counts from a random number.
  private static func newNumber() -> UInt64 {
    let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
    return number == 0 ? newNumber() : number
  }

  /// Executes it in a task whose origin is bound to this call.
  nonisolated(nonsending) func executeInOwnContext() async {
    await CallOrigin.$current.withValue(.call(self)) { await execute() }
  }

  /// Calls the function, and answers the call.
  nonisolated(nonsending) func execute() async {
    guard let instance = actor.instance else { return refuseUnknown() }
    let start = Clock.now()
    var decoder = ActorInvocationDecoder(frame, from: offset, generics: target.generics)
    do {
      if let execution = target.execution {
        try await execution.run(on: instance, &decoder, self)
      } else {
        try await connection.system.executeDistributedTarget(
          on: instance, target: target.call, invocationDecoder: &decoder,
          handler: ActorResultHandler(call: self))
      }
    } catch {
      refuse(after: error)
    }
    target.recordDuration(Clock.now() - start)
  }

  private func refuse(after error: any Error) {
    // An error of the runtime: it found no such function.
    if target.execution != nil, !(error is ExecuteDistributedTargetError) { return reply(thrown: error) }
    connection.refuse(
      id, .otherSignature,
      "the call of \(target.call) can't be executed (\(error)): build both programs from the same version")
  }

  func refuseUnknown() { connection.refuseUnknown(id, actor.name) }

  func reply<Value: Message>(returned value: Value) { connection.reply(id, returned: value) }
  func replyVoid() { connection.replyVoid(id) }
  func reply(thrown error: any Error) { connection.reply(id, thrown: error) }
}
