import IPC

/// A frame that answers a call, and where the outcome's byte stands in it.
struct ActorAnswer: Sendable {
  let frame: [UInt8]
  let start: Int

  var outcome: ActorFrame.Outcome? {
    start < frame.count ? ActorFrame.Outcome(rawValue: frame[start]) : nil
  }
  /// What follows the outcome.
  var reader: MessageReader { MessageReader(at: start + 1) }
}

/// Who waits for an answer.
@safe struct ActorCaller: Sendable {
  let continuation: UnsafeContinuation<ActorAnswer, any Error>

  func get(_ answer: ActorAnswer) { unsafe continuation.resume(returning: answer) }
  func get(_ error: any Error) { unsafe continuation.resume(throwing: error) }
}

/// A call that isn't on its way yet.
struct UnsentCall: Sendable {
  typealias Write = @Sendable (UInt64, inout MessageWriter, inout SentNameTable) -> Void

  let id: UInt64
  let caller: ActorCaller
  let write: Write
}

/// The calls of this side of a connection: a state machine that resumes nobody and sends nothing.
struct ActorCallTable {
  private var pending: [UInt64: ActorCaller] = [:]
  /// Calls that were sent and that nobody waits for any more; their answers will come all the same.
  private var givenUp: Set<UInt64> = []
  /// Those who wait until fewer are on their way, the longest first.
  private var waiting: [UnsentCall] = []
  /// Why no more are made.
  private(set) var gone: IPCActorError?

  private var isFull: Bool { pending.count + givenUp.count >= ActorFrame.mostCalls }

  /// True: it counts as sent, and is to be. False: it waits for its turn.
  mutating func begin(_ call: UnsentCall) -> Bool {
    if isFull {
      waiting.append(call)
      return false
    }
    pending[call.id] = call.caller
    return true
  }

  /// Its caller doesn't wait any more. Nil: he has his answer, or hasn't begun.
  mutating func giveUp(_ id: UInt64) -> ActorCaller? {
    if let index = waiting.firstIndex(where: { $0.id == id }) { return waiting.remove(at: index).caller }
    guard let caller = pending.removeValue(forKey: id) else { return nil }
    givenUp.insert(id)
    return caller
  }

  /// An answer has come. Nil: to a call that nobody has made.
  mutating func answered(_ id: UInt64) -> (caller: ActorCaller?, next: UnsentCall?)? {
    let caller = pending.removeValue(forKey: id)
    guard caller != nil || givenUp.remove(id) != nil else { return nil }
    guard !isFull, !waiting.isEmpty else { return (caller, nil) }
    let next = waiting.removeFirst()
    pending[next.id] = next.caller
    return (caller, next)
  }

  /// No answer comes any more, and no call is made. Those who waited for one.
  mutating func end(_ error: IPCActorError) -> [ActorCaller] {
    if gone == nil { gone = error }
    defer {
      pending = [:]
      givenUp = []
      waiting = []
    }
    return Array(pending.values) + waiting.map(\.caller)
  }
}
