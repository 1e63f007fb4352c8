import SystemCalls

/// Tokens: two semaphores, one for what was sent and not taken, one for what may still be sent, so that a full
/// channel makes its sender wait. Sending and taking are one semop(2) each.
final class SemaphoreTokens: CounterTransport, @unchecked Sendable {
  /// Under SEMVMX (32767), the most that a semaphore counts to.
  static let capacity = 32000

  private let set: Int32
  private let liveness: LivenessPipe
  private let putSteps = Semaphores.Steps(Semaphores.Operation(0, -1), Semaphores.Operation(1, 1))
  private let takeSteps = Semaphores.Steps(Semaphores.Operation(1, -1), Semaphores.Operation(0, 1))

  init(set: Int32, liveness: LivenessPipe) throws(ChannelError) {
    self.set = set
    self.liveness = liveness
    try translating(.open, .semaphore) { () throws(SystemError) in try liveness.start {} }
    liveness.keep(self, parameters)
  }

  deinit { close() }

  private func operate(
    _ steps: Semaphores.Steps, until deadline: Deadline, _ operation: ChannelOperation
  ) throws(ChannelError) -> Bool {
    while true {
      do throws(SystemError) {
        try Semaphores.semtimedop(
          set, steps, nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: BoundedBuffer.slice))
        return true
      } catch {
        guard error.wouldBlock else { throw ChannelError(error, operation, .semaphore) }
        if deadline.hasPassed || liveness.peersGone { return false }
      }
    }
  }

  func put(until deadline: Deadline) throws(ChannelError) -> Bool {
    if liveness.peersGone { throw .closed(.send, .semaphore) }
    if try operate(putSteps, until: deadline, .send) { return true }
    if liveness.peersGone { throw .closed(.send, .semaphore) }
    return false
  }

  func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
    if try operate(takeSteps, until: deadline, .receive) { return .bytes(0) }
    guard liveness.peersGone else { return .nothing }
    // Once more, for what the last sender left.
    return try operate(takeSteps, until: .now, .receive) ? .bytes(0) : .ended
  }

  func readiness(toPut: Bool) -> Readiness { .waiting }

  func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool {
    let index = toPut ? 0 : 1
    let look = Semaphores.Steps(Semaphores.Operation(index, -1), Semaphores.Operation(index, 1))
    let found = try? operate(look, until: deadline, .wait)
    // An error is the next call's to throw.
    return found ?? true || liveness.peersGone
  }

  func close() { liveness.leave(self, parameters) }

  private var parameters: [(key: String, value: String)] { [("set", String(set))] }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    if !liveness.isAnonymous { throw .named(.semaphore) }
    return EndpointTransfer(parameters: parameters, descriptors: liveness.descriptors) {
      self.liveness.surrender(self, self.parameters)
    }
  }
}
