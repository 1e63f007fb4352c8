import Distributed
import IPC
import Synchronization
import SystemCalls

/// The calls that wait for an actor of this process. One task executes them one after the other, each to its end: while a
/// call waits for something, no other one begins.
///
/// The exception are nested calls: a call that comes back to an actor whose call it is nested in would wait for ever. Each
/// call contains the numbers of the calls that it is nested in, and begins at once if one of them is running here. It may
/// outlast that call, which needn't wait for it; the next call begins when all of them have ended.
final class Mailbox: Sendable {
  @safe private struct State {
    var calls: [IncomingCall] = []
    var first = 0
    var running: IncomingCall?
    /// Nested calls that have begun and haven't ended.
    var nested: [IncomingCall] = []
    var waiting: UnsafeContinuation<Void, Never>?
    var hasTask = false
    var hasEnded = false

    var hasNext: Bool { first < calls.count && nested.isEmpty }

    func isNested(_ call: IncomingCall) -> Bool {
      if let running, call.isNested(in: running) { return true }
      return nested.contains { call.isNested(in: $0) }
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

  private let state = Locked(State())
  private let interleaves: Bool

  init(interleaves: Bool) { self.interleaves = interleaves }

  /// Adds a call. `onThisThread`: the calling thread is to execute it from its run queue.
  func post(_ call: IncomingCall, onThisThread: Bool) {
    @safe enum Step {
      case queued, start, interleaved, nested, refuse
      case resume(UnsafeContinuation<Void, Never>)
    }
    let step = state.withLock { state -> Step in
      if state.hasEnded { return .refuse }
      if interleaves { return .interleaved }
      if state.isNested(call) {
        state.nested.append(call)
        return .nested
      }
      state.calls.append(call)
      if !state.hasTask {
        state.hasTask = true
        return .start
      }
      guard state.nested.isEmpty, let waiting = unsafe state.waiting.take() else { return .queued }
      return unsafe .resume(waiting)
    }
    switch step {
    case .queued: break
    case .refuse: call.refuseUnknown()
    case .interleaved:
      ActorRunQueue.enqueuing(onThisThread: onThisThread) {
        Task(executorPreference: ActorExecutor.shared) { await call.executeInOwnContext() }
      }
    case .nested:
      ActorRunQueue.enqueuing(onThisThread: onThisThread) {
        Task(executorPreference: ActorExecutor.shared) {
          await call.executeInOwnContext()
          self.nestedCallEnded(call)
        }
      }
    case .start:
      ActorRunQueue.enqueuing(onThisThread: onThisThread) {
        Task(executorPreference: ActorExecutor.shared) {
          await CallOrigin.$current.withValue(.mailbox(self)) { await self.run() }
        }
      }
    case .resume(let waiting): ActorRunQueue.enqueuing(onThisThread: onThisThread) { unsafe waiting.resume() }
    }
  }

  /// A nested call has ended.
  private func nestedCallEnded(_ call: IncomingCall) {
    let waiting = unsafe state.withLock { state in
      state.nested.removeAll { $0 === call }
      return unsafe state.hasNext ? state.waiting.take() : nil
    }
    unsafe waiting?.resume()
  }

  /// The call that is being executed.
  var running: IncomingCall? { state.withLock { $0.running } }

  /// The actor was released: refuses the calls that wait.
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

  /// Executes the calls until the actor is released.
  private nonisolated(nonsending) func run() async {
    while true {
      let (call, hasEnded) = state.withLock { state in
        // The last call has ended: calls that are nested in it no longer begin at once.
        state.running = nil
        if state.hasNext { state.running = state.next() }
        return (state.running, state.hasEnded)
      }
      if let call {
        if !call.target.isShort, ActorRunQueue.current != nil { await leaveThread() }
        if call.target.makesNoCalls {
          await call.execute()
        } else {
          await call.executeInOwnContext()
        }
        continue
      }
      if hasEnded { return }
      unsafe await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        let continues = state.withLock { state in
          if state.hasEnded || state.hasNext { return true }
          unsafe state.waiting = unsafe continuation
          return false
        }
        if continues { unsafe continuation.resume() }
      }
    }
  }

  /// Moves the task from the receiving thread to one of Dispatch's, so that a long call doesn't keep it from receiving.
  private nonisolated(nonsending) func leaveThread() async {
    unsafe await withUnsafeContinuation { continuation in
      ActorRunQueue.enqueuing(onThisThread: false) { unsafe continuation.resume() }
    }
  }
}
