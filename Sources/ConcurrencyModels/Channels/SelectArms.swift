/// A case of a running select, without its closure. This class is never ready; its subclasses override that. Not
/// generic, so that a select looks up no metadata.
public class AnySelectArm {
  /// The lock that is held when `attempt`, `register` and `unregister` are called; nil: none is needed.
  final let lock: ChannelLock?

  init(_ lock: ChannelLock?) { self.lock = lock }

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

/// A case with its closure.
public class SelectArm<Outcome>: AnySelectArm {
  private let body: () async throws -> Outcome

  init(_ lock: ChannelLock?, body: @escaping () async throws -> Outcome) {
    self.body = body
    super.init(lock)
  }

  nonisolated(nonsending) func finish() async throws -> Outcome { try await body() }
}

final class OtherwiseArm<Outcome>: SelectArm<Outcome> {
  override var isOtherwise: Bool { true }
}

final class ReceiveArm<Value: Sendable, Outcome>: SelectArm<Outcome> {
  private let channel: LocalChannel<Value>
  private let received: (Value?) async throws -> Outcome
  private var slot: ChannelSlot<Value>?
  private var value: Value?
  private var sender: ChannelSlot<Value>?

  init(_ channel: LocalChannel<Value>, _ received: @escaping (Value?) async throws -> Outcome) {
    self.channel = channel
    self.received = received
    super.init(channel.lock, body: { try await received(nil) })
  }

  override func attempt() -> Bool {
    let (found, sender) = unsafe channel.state.pointee.take()
    self.sender = sender
    switch found {
    case .nothing: return false
    case .value(let value): self.value = value
    case .closed: value = nil
    }
    return true
  }

  override func resumePeer() { sender?.waiter.resume() }

  override func register(_ waiter: ChannelWaiter, _ index: Int) {
    let slot = ChannelSlot<Value>(waiter, index)
    self.slot = slot
    unsafe channel.state.pointee.receivers.append(slot)
  }

  override func unregister() {
    if let slot { unsafe channel.state.pointee.receivers.remove(slot) }
  }

  override nonisolated(nonsending) func finish() async throws -> Outcome {
    try await received(value ?? slot?.value)
  }
}

final class SendArm<Value: Sendable, Outcome>: SelectArm<Outcome> {
  private let channel: LocalChannel<Value>
  private let value: Value
  private var slot: ChannelSlot<Value>?
  private var receiver: ChannelSlot<Value>?
  private var isClosed = false

  init(_ channel: LocalChannel<Value>, _ value: Value, _ sent: @escaping () async throws -> Outcome) {
    self.channel = channel
    self.value = value
    super.init(channel.lock, body: sent)
  }

  override func attempt() -> Bool {
    switch unsafe channel.state.pointee.put(value) {
    case .done: break
    case .delivered(let receiver): self.receiver = receiver
    case .closed: isClosed = true
    case .full: return false
    }
    return true
  }

  override func resumePeer() { receiver?.waiter.resume() }

  override func register(_ waiter: ChannelWaiter, _ index: Int) {
    let slot = ChannelSlot<Value>(waiter, index, value)
    self.slot = slot
    unsafe channel.state.pointee.senders.append(slot)
  }

  override func unregister() {
    if let slot { unsafe channel.state.pointee.senders.remove(slot) }
  }

  override nonisolated(nonsending) func finish() async throws -> Outcome {
    if isClosed || slot?.isClosed == true { throw LocalChannelError(.sendOnClosed) }
    return try await super.finish()
  }
}

final class TimerArm<Outcome>: SelectArm<Outcome> {
  private let duration: Duration
  /// When the time is up; nil: the select hasn't waited yet.
  private var end: ContinuousClock.Instant?
  private var timer: Task<Void, Never>?

  init(_ duration: Duration, _ body: @escaping () async throws -> Outcome) {
    // The runtime traps on a sleep whose end it can't represent.
    self.duration = min(duration, .seconds(1 << 31))
    super.init(nil, body: body)
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
