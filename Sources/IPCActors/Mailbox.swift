import Distributed
import IPC
import Synchronization
import SystemCalls

/// The calls that wait for an actor of this process. They are carried out one after the other, each to its end, by one
/// task: while one of them waits for something, no other of them begins.
///
/// But for those that it leads to itself: a call that comes back to an actor in whose call it began would wait for ever.
/// So each call brings the numbers of those that it is made in, and is let in where one of them runs. It may outlast that
/// one, which needn't wait for it; the next begins when all are through.
final class Mailbox: Sendable {
  @safe private struct State {
    var calls: [IncomingCall] = []
    var first = 0
    var running: IncomingCall?
    /// Those that were let in, and aren't through.
    var letIn: [IncomingCall] = []
    var waiting: UnsafeContinuation<Void, Never>?
    var hasTask = false
    var hasEnded = false

    var hasNext: Bool { first < calls.count && letIn.isEmpty }

    func letsIn(_ call: IncomingCall) -> Bool {
      if let running, call.isMade(in: running) { return true }
      return letIn.contains { call.isMade(in: $0) }
    }

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
      case queued, start, alone, letIn, refuse
      case resume(UnsafeContinuation<Void, Never>)
    }
    let step = state.withLock { state -> Step in
      if state.hasEnded { return .refuse }
      if interleaves { return .alone }
      if state.letsIn(call) {
        state.letIn.append(call)
        return .letIn
      }
      state.calls.append(call)
      if !state.hasTask {
        state.hasTask = true
        return .start
      }
      guard state.letIn.isEmpty, let waiting = unsafe state.waiting.take() else { return .queued }
      return unsafe .resume(waiting)
    }
    switch step {
    case .queued: break
    case .refuse: call.refuseUnknown()
    case .alone:
      ActorTurn.making(readyHere: here) {
        Task(executorPreference: ActorExecutor.shared) { await call.carryOutAlone() }
      }
    case .letIn:
      ActorTurn.making(readyHere: here) {
        Task(executorPreference: ActorExecutor.shared) {
          await call.carryOutAlone()
          self.isThrough(call)
        }
      }
    case .start:
      ActorTurn.making(readyHere: here) {
        Task(executorPreference: ActorExecutor.shared) {
          await CallOrigin.$current.withValue(.mailbox(self)) { await self.run() }
        }
      }
    case .resume(let waiting): ActorTurn.making(readyHere: here) { unsafe waiting.resume() }
    }
  }

  /// One that was let in has ended.
  private func isThrough(_ call: IncomingCall) {
    let waiting = unsafe state.withLock { state in
      state.letIn.removeAll { $0 === call }
      return unsafe state.hasNext ? state.waiting.take() : nil
    }
    unsafe waiting?.resume()
  }

  /// The call that is carried out.
  var running: IncomingCall? { state.withLock { $0.running } }

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
        // The last one has ended: what still comes of it is let in no more.
        state.running = nil
        if state.hasNext { state.running = state.next() }
        return (state.running, state.hasEnded)
      }
      if let call {
        if !call.target.isShort, ActorTurn.current != nil { await leaveThread() }
        if call.target.callsNobody {
          await call.carryOut()
        } else {
          await call.carryOutAlone()
        }
        continue
      }
      if hasEnded { return }
      unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        let goesOn = state.withLock { state in
          if state.hasEnded || state.hasNext { return true }
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
