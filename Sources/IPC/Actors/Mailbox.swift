import Distributed
import Synchronization
import SystemCalls

/// The calls that wait for an actor of this process. They are carried out one after the other, each to its end, by one
/// task: while one of them waits for something, no other of them begins.
///
/// But for those that it leads to itself: a call that comes back to an actor in whose call it began would wait for ever.
/// So each call has the number of the chain that it belongs to, and one of the running chain is let in.
final class Mailbox: Sendable {
  @safe private struct State {
    var calls: [IncomingCall] = []
    var first = 0
    var running: UInt64?
    var waiting: UnsafeContinuation<Void, Never>?
    var hasTask = false
    var hasEnded = false

    mutating func next() -> IncomingCall? {
      guard first < calls.count else { return nil }
      let call = calls[first]
      first += 1
      if first == calls.count {
        calls.removeAll(keepingCapacity: true)
        first = 0
      } else if first > 256, first > calls.count / 2 {
        calls.removeFirst(first)
        first = 0
      }
      return call
    }
  }

  private let state = Mutex(State())
  private let interleaves: Bool

  init(interleaves: Bool) { self.interleaves = interleaves }

  /// A call has come. `here`: it is to be carried out by the calling thread, in its turn.
  func post(_ call: IncomingCall, here: Bool) {
    @safe enum Step {
      case queued, start, alone, refuse
      case resume(UnsafeContinuation<Void, Never>)
    }
    let step = state.withLock { state -> Step in
      if state.hasEnded { return .refuse }
      if interleaves || state.running == call.chain { return .alone }
      state.calls.append(call)
      if !state.hasTask {
        state.hasTask = true
        return .start
      }
      guard let waiting = unsafe state.waiting.take() else { return .queued }
      return unsafe .resume(waiting)
    }
    switch step {
    case .queued: break
    case .refuse: call.refuseUnknown()
    case .alone:
      ActorTurn.making(readyHere: here) {
        Task(executorPreference: ActorExecutor.shared) { await call.carryOut() }
      }
    case .start:
      ActorTurn.making(readyHere: here) {
        Task(executorPreference: ActorExecutor.shared) { await self.run() }
      }
    case .resume(let waiting): ActorTurn.making(readyHere: here) { unsafe waiting.resume() }
    }
  }

  /// The actor is gone. Calls that wait are refused.
  func end() {
    let (left, waiting) = unsafe state.withLock { state in
      state.hasEnded = true
      var left: [IncomingCall] = []
      while let call = state.next() { left.append(call) }
      return unsafe (left, state.waiting.take())
    }
    for call in left { call.refuseUnknown() }
    unsafe waiting?.resume()
  }

  private nonisolated(nonsending) func run() async {
    while true {
      let (call, hasEnded) = state.withLock { state in
        let call = state.next()
        state.running = call?.chain
        return (call, state.hasEnded)
      }
      if let call {
        if !call.target.isShort, ActorTurn.current != nil { await leaveThread() }
        await call.carryOut()
        continue
      }
      if hasEnded { return }
      unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        let goesOn = state.withLock { state in
          if state.hasEnded || state.first < state.calls.count { return true }
          unsafe state.waiting = unsafe continuation
          return false
        }
        if goesOn { unsafe continuation.resume() }
      }
    }
  }

  /// What takes long doesn't keep a receiving thread from receiving.
  private nonisolated(nonsending) func leaveThread() async {
    unsafe await withUnsafeContinuation { continuation in
      ActorTurn.making(readyHere: false) { unsafe continuation.resume() }
    }
  }
}

/// Which chain of calls the running task belongs to.
enum CallChain {
  @TaskLocal static var current: UInt64?

  private static let count = Atomic<UInt64>(UInt64.random(in: 1 ... .max))

  /// A number that no other chain has, as far as chance goes: each process begins somewhere else.
  static func new() -> UInt64 { count.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// A call from another process, until it is answered.
final class IncomingCall: Sendable {
  let id: UInt64
  let chain: UInt64
  let target: ActorTarget
  private let actor: HostedActorRecord
  private let arguments: [UInt8]
  private let lane: ActorLane

  init(
    id: UInt64, chain: UInt64, actor: HostedActorRecord, target: ActorTarget, arguments: [UInt8],
    lane: ActorLane
  ) {
    self.id = id
    self.chain = chain
    self.actor = actor
    self.target = target
    self.arguments = arguments
    self.lane = lane
  }

  nonisolated(nonsending) func carryOut() async {
    guard let instance = actor.instance else { return refuseUnknown() }
    let start = Clock.now()
    var decoder = ActorInvocationDecoder(arguments, generics: target.generics)
    await CallChain.$current.withValue(chain) {
      do {
        if let execution = target.execution {
          try await execution.run(on: instance, &decoder, self)
        } else {
          try await lane.system.executeDistributedTarget(
            on: instance, target: target.call, invocationDecoder: &decoder,
            handler: ActorResultHandler(call: self))
        }
      } catch {
        if target.execution != nil { return reply(thrown: error) }
        lane.refuse(
          self.id, .otherSignature,
          "the call of \(target.call) can't be carried out (\(error)): build both programs from the same version"
        )
      }
    }
    target.took(Clock.now() - start)
  }

  func refuseUnknown() { lane.refuseUnknown(id, actor.name) }

  func reply<Value: Message>(returned value: Value) { lane.reply(id, returned: value) }
  func replyVoid() { lane.replyVoid(id) }
  func reply(thrown error: any Error) { lane.reply(id, thrown: error) }
}
