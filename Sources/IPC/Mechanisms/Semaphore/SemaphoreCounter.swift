import SystemCalls

/// Tokens: two semaphores, one for the tokens that may still be sent, so that a full channel makes its sender wait,
/// and one for those sent and not taken. Sending and receiving are one semtimedop(2) each.
final class SemaphoreCounter: CounterTransport, Sendable {
  private enum Index { static let free = 0, sent = 1 }

  /// The first values of the set.
  static var values: [UInt16] { [UInt16(tokenCapacity), 0] }

  /// Of a segment that carries nothing: the kernel counts how many endpoints have it attached.
  static let segmentBytes = 4096

  private let set: Int32
  private let owner: KernelObjectOwner
  private let put = Semaphores.Steps(
    Semaphores.Operation(Index.free, -1), Semaphores.Operation(Index.sent, 1))
  private let take = Semaphores.Steps(
    Semaphores.Operation(Index.sent, -1), Semaphores.Operation(Index.free, 1))

  init(_ ids: KernelObjectIDs, _ liveness: LivenessPipe) throws(ChannelError) {
    set = try ids.id("set")
    let attached = try ids.attach("segment", atLeast: 0)
    owner = try KernelObjectOwner(
      .semaphore, liveness,
      ids: [("set", String(set)), ("segment", String(attached.segment.id))] + ids.identity,
      attachments: attached)
  }

  func put(until deadline: Deadline) throws(ChannelError) -> Bool {
    if owner.peersGone { throw .closed(.send, .semaphore) }
    if try SemaphoreMechanism.semtimedopInSlices(set, put, until: deadline, owner, .send) { return true }
    if owner.peersGone { throw .closed(.send, .semaphore) }
    return false
  }

  func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
    if try SemaphoreMechanism.semtimedopInSlices(set, take, until: deadline, owner, .receive) {
      return .bytes(0)
    }
    guard owner.peersGone else { return .nothing }
    // Once more, for what the last sender left.
    return try SemaphoreMechanism.semtimedopInSlices(set, take, until: .now, owner, .receive)
      ? .bytes(0) : .ended
  }

  func readiness(toPut: Bool) -> Readiness { .thread }

  func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool {
    SemaphoreMechanism.waitUntilPositive(set, toPut ? Index.free : Index.sent, until: deadline, owner)
  }

  var objects: [String] { owner.objects }

  func close() { owner.close() }
  func transfer() throws(ChannelError) -> EndpointTransfer { try owner.transfer() }
  func finishTransfer() -> AnyObject? { owner.finishTransfer() }
}
