import IPC

/// A frame that answers a call, and the offset of its outcome.
struct ActorAnswer: Sendable {
  let frame: [UInt8]
  let start: Int

  /// How the call ended; nil: the frame has no valid outcome.
  var outcome: ActorFrame.Outcome? {
    start < frame.count ? ActorFrame.Outcome(rawValue: frame[start]) : nil
  }
  /// The offset of what follows the outcome.
  var contents: Int { start + 1 }
}

/// A task that waits for an answer.
@safe struct ActorCaller: Sendable {
  let continuation: UnsafeContinuation<ActorAnswer, any Error>

  func resume(returning answer: ActorAnswer) { unsafe continuation.resume(returning: answer) }
  func resume(throwing error: any Error) { unsafe continuation.resume(throwing: error) }
}

/// A call that isn't sent yet.
struct UnsentCall: Sendable {
  typealias Write = @Sendable (UInt64, inout MessageWriter, inout SentNames) -> Void

  let id: UInt64
  let caller: ActorCaller
  let write: Write
}

/// The calls that this process makes over a connection. A pure state machine: it resumes no task and sends nothing.
struct ActorCallTable {
  private var pending: [UInt64: ActorCaller] = [:]
  /// Calls that were sent and whose callers no longer wait. They count until they are answered.
  private var cancelled: Set<UInt64> = []
  /// Calls above the limit of unanswered calls, in the order in which they were made.
  private var waiting: [UnsentCall] = []
  /// Why the connection has ended; nil: it is open.
  private(set) var failure: IPCActorError?

  private var isFull: Bool { pending.count + cancelled.count >= ActorFrame.maximumCalls }

  /// Adds a call. True: the caller of this function is to send it. False: it waits until an earlier call is answered.
  mutating func begin(_ call: UnsentCall) -> Bool {
    if isFull {
      waiting.append(call)
      return false
    }
    pending[call.id] = call.caller
    return true
  }

  /// Cancels a call. Returns the task to resume; nil: the call was answered, or it wasn't added yet.
  mutating func cancel(_ id: UInt64) -> ActorCaller? {
    if let index = waiting.firstIndex(where: { $0.id == id }) { return waiting.remove(at: index).caller }
    guard let caller = pending.removeValue(forKey: id) else { return nil }
    cancelled.insert(id)
    return caller
  }

  /// Removes a call that was answered. Returns the task to resume, if it still waits, and the call to send next, if one
  /// waits; nil: no such call was sent.
  mutating func complete(_ id: UInt64) -> (caller: ActorCaller?, next: UnsentCall?)? {
    let caller = pending.removeValue(forKey: id)
    guard caller != nil || cancelled.remove(id) != nil else { return nil }
    guard !isFull, !waiting.isEmpty else { return (caller, nil) }
    let next = waiting.removeFirst()
    pending[next.id] = next.caller
    return (caller, next)
  }

  /// Ends all calls: none is answered or added from now on. Returns the tasks to resume with an error:
  /// those whose calls were sent, and those whose calls still waited for that.
  mutating func end(_ error: IPCActorError) -> (sent: [ActorCaller], unsent: [ActorCaller]) {
    if failure == nil { failure = error }
    defer {
      pending = [:]
      cancelled = []
      waiting = []
    }
    return (Array(pending.values), waiting.map(\.caller))
  }
}
