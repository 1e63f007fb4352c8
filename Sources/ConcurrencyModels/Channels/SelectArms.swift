/// A case of a running select, without its closure. This class is never ready; its subclasses override that. Not
/// generic, so that a select looks up no metadata.
public class AnySelectArm {
  /// The lock that is held when `attempt`, `register` and `unregister` are called; nil: none is needed.
  final let lock: BriefLock?

  init(_ lock: BriefLock?) { self.lock = lock }

  /// Whether it is chosen when no other case is ready.
  var isOtherwise: Bool { false }
  /// Whether a claim only wakes the select, which then tries every case again.
  var onlyWakes: Bool { false }
  /// Carries out the case if it is ready.
  func attempt() -> Bool { false }
  /// Joins the wait queue.
  func register(_ waiter: ChannelWaiter, _ index: Int) {}
  /// Leaves the wait queue.
  func unregister() {}

  /// Resumes the peer that ``attempt()`` has claimed. Called without the lock.
  func resumePeer() {}
}

/// A case of a select that returns an `Outcome`. This one is never ready, and has nothing to do.
public class SelectArm<Outcome>: AnySelectArm {
  @usableFromInline override init(_ lock: BriefLock?) { super.init(lock) }

  /// Runs the closure of the case that was chosen.
  @usableFromInline nonisolated(nonsending) func finish() async throws -> Outcome {
    throw CancellationError()
  }
}

/// A case whose closure gets no value. This one is never ready.
@usableFromInline class PlainArm<Outcome>: SelectArm<Outcome> {
  private let body: () async throws -> Outcome

  @usableFromInline init(_ lock: BriefLock?, _ body: @escaping () async throws -> Outcome) {
    self.body = body
    super.init(lock)
  }

  @usableFromInline override nonisolated(nonsending) func finish() async throws -> Outcome {
    try await body()
  }
}

@usableFromInline final class OtherwiseArm<Outcome>: PlainArm<Outcome> {
  override var isOtherwise: Bool { true }
}

@usableFromInline final class ReceiveArm<Value: Sendable, Outcome>: SelectArm<Outcome> {
  private let channel: LocalChannel<Value>
  private let slot: ChannelSlot<Value>
  private let received: (Value?) async throws -> Outcome
  private var sender: AnyChannelSlot?

  @usableFromInline init(
    _ channel: LocalChannel<Value>, _ slot: ChannelSlot<Value>,
    _ received: @escaping (Value?) async throws -> Outcome
  ) {
    self.channel = channel
    self.slot = slot
    self.received = received
    super.init(channel.lock)
  }

  override func attempt() -> Bool {
    let outcome = unsafe channel.step(.receive, channel.state, slot)
    sender = outcome.peer
    return outcome.isReady
  }

  override func resumePeer() { sender?.resumeTask() }

  override func register(_ waiter: ChannelWaiter, _ index: Int) {
    unsafe (slot.shared, slot.index) = (waiter, index)
    _ = unsafe channel.step(.joinReceivers, channel.state, slot)
  }

  override func unregister() { _ = unsafe channel.step(.leaveReceivers, channel.state, slot) }

  @usableFromInline override nonisolated(nonsending) func finish() async throws -> Outcome {
    unsafe try await received(slot.value)
  }
}

@usableFromInline final class SendArm<Value: Sendable, Outcome>: PlainArm<Outcome> {
  private let channel: LocalChannel<Value>
  private let slot: ChannelSlot<Value>
  private var receiver: AnyChannelSlot?

  @usableFromInline init(
    _ channel: LocalChannel<Value>, _ slot: ChannelSlot<Value>, _ sent: @escaping () async throws -> Outcome
  ) {
    self.channel = channel
    self.slot = slot
    super.init(channel.lock, sent)
  }

  override func attempt() -> Bool {
    let outcome = unsafe channel.step(.send, channel.state, slot)
    receiver = outcome.peer
    return outcome.isReady
  }

  override func resumePeer() { receiver?.resumeTask() }

  override func register(_ waiter: ChannelWaiter, _ index: Int) {
    unsafe (slot.shared, slot.index) = (waiter, index)
    _ = unsafe channel.step(.joinSenders, channel.state, slot)
  }

  override func unregister() { _ = unsafe channel.step(.leaveSenders, channel.state, slot) }

  @usableFromInline override nonisolated(nonsending) func finish() async throws -> Outcome {
    if unsafe slot.isClosed { throw LocalChannelError(.sendOnClosed) }
    return try await super.finish()
  }
}

@usableFromInline final class TimerArm<Outcome>: PlainArm<Outcome> {
  private let duration: Duration
  /// When the time is up; nil: the select hasn't waited yet.
  private var end: ContinuousClock.Instant?
  private var timer: Task<Void, Never>?

  @usableFromInline init(_ duration: Duration, _ body: @escaping () async throws -> Outcome) {
    // The runtime traps on a sleep whose end it can't represent.
    self.duration = min(duration, .seconds(1 << 31))
    super.init(nil, body)
  }

  override func attempt() -> Bool { end.map { $0 <= .now } ?? (duration <= .zero) }

  override func register(_ waiter: ChannelWaiter, _ index: Int) {
    // Counted from the select's first wait, however often other cases wake it.
    let end = self.end ?? .now + duration
    self.end = end
    timer = Task {
      guard (try? await Task.sleep(until: end, clock: .continuous)) != nil, waiter.claim(index) else {
        return
      }
      waiter.resume()
    }
  }

  override func unregister() { timer?.cancel() }
}
