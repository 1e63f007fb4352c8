/// A case while its select runs, apart from what the caller wants done: one that is never ready, unless a subclass says
/// otherwise. Not generic, so that a select looks up no types.
public class AnySelectArm {
  /// The lock under which `attempt`, `register` and `unregister` are called; nil: none is needed.
  final let lock: ChannelLock?

  init(_ lock: ChannelLock?) { self.lock = lock }

  /// Is taken when nothing else is ready.
  var isOtherwise: Bool { false }
  /// Whether it wakes its select without having done anything: everything is tried again.
  var onlyWakes: Bool { false }
  /// Does what the case is to do, if it can be done now.
  func attempt() -> Bool { false }
  /// Stands in line.
  func register(_ waiter: ChannelWaiter, _ index: Int) {}
  /// Leaves the line.
  func unregister() {}

  /// After ``attempt()``, without the lock: whom it claimed goes on.
  func resumePeer() {}
}

/// A case, with what the caller wants done.
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
  /// When the time is up; nil: nobody has waited yet.
  private var end: ContinuousClock.Instant?
  private var timer: Task<Void, Never>?

  init(_ duration: Duration, _ body: @escaping () async throws -> Outcome) {
    // A sleep of more than an age traps in the runtime.
    self.duration = min(duration, .seconds(1 << 31))
    super.init(nil, body: body)
  }

  override func attempt() -> Bool { end.map { $0 <= .now } ?? (duration <= .zero) }

  override func register(_ waiter: ChannelWaiter, _ index: Int) {
    // From when the select began to wait, however often something else wakes it.
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
