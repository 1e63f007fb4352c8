import Distributed
import IPC
import Synchronization
import SystemCalls

/// In which call the running task is, if it is in one.
enum CallOrigin: Sendable {
  case call(IncomingCall)
  /// In whichever the mailbox is at: binding a call to its task costs as much as many a call itself. Only of functions that
  /// have called nobody in a thousand calls; of one that does after all, each call is bound from then on.
  case mailbox(Mailbox)

  @TaskLocal static var current: CallOrigin?

  /// The ancestors of a call that the running task is about to make.
  static var path: [UInt64] {
    switch current {
    case .none: return []
    case .call(let call):
      call.target.hasCalled()
      return call.path
    case .mailbox(let mailbox):
      guard let call = mailbox.running else { return [] }
      call.target.hasCalled()
      return call.path
    }
  }
}

/// A call from another process, until it is answered.
final class IncomingCall: Sendable {
  let id: UInt64
  /// The calls that it is made in, the outermost first.
  private let ancestors: [UInt64]
  let target: ActorTarget
  /// What calls that are made in it know it by; 0: there was none yet.
  private let number = Atomic<UInt64>(0)
  private let actor: HostedActorRecord
  private let frame: [UInt8]
  /// Where its arguments begin.
  private let offset: Int
  private let lane: ActorConnection

  init(
    id: UInt64, ancestors: [UInt64], actor: HostedActorRecord, target: ActorTarget, frame: [UInt8],
    start: Int,
    lane: ActorConnection
  ) {
    self.id = id
    self.ancestors = ancestors
    self.actor = actor
    self.target = target
    self.frame = frame
    offset = start
    self.lane = lane
  }

  /// Whether it is made in this one, as far as that has made any.
  func isMade(in other: IncomingCall) -> Bool {
    if ancestors.isEmpty { return false }
    let number = other.number.load(ordering: .acquiring)
    return number != 0 && ancestors.contains(number)
  }

  /// The ancestors of calls that are made in it.
  var path: [UInt64] {
    if number.load(ordering: .acquiring) == 0 {
      _ = number.compareExchange(expected: 0, desired: Self.newNumber(), ordering: .acquiringAndReleasing)
    }
    return ancestors + [number.load(ordering: .acquiring)]
  }

  private static let count = Atomic<UInt64>(UInt64.random(in: 1 ... .max))

  /// A number that no other call has, as far as chance goes: each process begins somewhere else.
  private static func newNumber() -> UInt64 {
    let number = count.wrappingAdd(1, ordering: .relaxed).newValue
    return number == 0 ? newNumber() : number
  }

  /// In a task that knows that it is this call's.
  nonisolated(nonsending) func carryOutAlone() async {
    await CallOrigin.$current.withValue(.call(self)) { await carryOut() }
  }

  nonisolated(nonsending) func carryOut() async {
    guard let instance = actor.instance else { return refuseUnknown() }
    let start = Clock.now()
    var decoder = ActorInvocationDecoder(frame, from: offset, generics: target.generics)
    do {
      if let execution = target.execution {
        try await execution.run(on: instance, &decoder, self)
      } else {
        try await lane.system.executeDistributedTarget(
          on: instance, target: target.call, invocationDecoder: &decoder,
          handler: ActorResultHandler(call: self))
      }
    } catch {
      refuse(after: error)
    }
    target.took(Clock.now() - start)
  }

  private func refuse(after error: any Error) {
    // The runtime's own words: that it has no such function.
    if target.execution != nil, !(error is ExecuteDistributedTargetError) { return reply(thrown: error) }
    lane.refuse(
      id, .otherSignature,
      "the call of \(target.call) can't be carried out (\(error)): build both programs from the same version")
  }

  func refuseUnknown() { lane.refuseUnknown(id, actor.name) }

  func reply<Value: Message>(returned value: Value) { lane.reply(id, returned: value) }
  func replyVoid() { lane.replyVoid(id) }
  func reply(thrown error: any Error) { lane.reply(id, thrown: error) }
}
