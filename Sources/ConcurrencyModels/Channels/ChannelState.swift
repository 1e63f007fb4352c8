/// The state of a channel between tasks, apart from its lock: a state machine that neither resumes a task nor
/// waits. The caller resumes the waiters that a step has claimed, after it has released the lock.
@usableFromInline @safe struct ChannelState<Value> {
  /// A ring of `capacity` places.
  @usableFromInline let buffer: UnsafeMutablePointer<Value>
  @usableFromInline let capacity: Int
  @usableFromInline var start = 0
  @usableFromInline var filled = 0
  @usableFromInline var isClosed = false
  @usableFromInline var senders = WaitQueue()
  @usableFromInline var receivers = WaitQueue()

  /// The slot of a wait that has ended, for the next one: to make a slot and to destroy it costs more than the rest
  /// of a wait that isn't the runtime's.
  @usableFromInline var spare: ChannelSlot<Value>?

  /// Whether a trace was recorded when the channel was made.
  @usableFromInline let isTraced: Bool
  /// How many values were sent, and received, meanwhile.
  @usableFromInline var tracedSent = 0
  @usableFromInline var tracedReceived = 0

  @inlinable init(capacity: Int) {
    self.capacity = capacity
    isTraced = ChannelTrace.isOn
    unsafe buffer = .allocate(capacity: max(1, capacity))
  }

  /// Destroys the values that were not received.
  @inlinable mutating func destroy() {
    while let _ = takeFirst() {}
    unsafe buffer.deallocate()
  }

  /// The outcome of a send.
  @usableFromInline enum PutResult {
    case done
    /// A receiver was waiting. It has the value; the caller resumes it.
    case delivered(ChannelSlot<Value>)
    case full, closed
  }

  @inlinable mutating func put(_ value: Value) -> PutResult {
    if isClosed { return .closed }
    if !receivers.isEmpty, let receiver = claimReceiver() {
      unsafe receiver.value = value
      if isTraced {
        traceSent()
        traceReceived()
      }
      return .delivered(receiver)
    }
    guard filled < capacity else { return .full }
    append(value)
    if isTraced { traceSent() }
    return .done
  }

  @inlinable @inline(never) mutating func traceSent() {
    tracedSent += 1
    unsafe ChannelTrace.sent(buffer, tracedSent)
  }

  @inlinable @inline(never) mutating func traceReceived() {
    tracedReceived += 1
    unsafe ChannelTrace.received(buffer, tracedReceived)
  }

  @inlinable mutating func append(_ value: Value) {
    var end = start + filled
    if end >= capacity { end -= capacity }
    unsafe (buffer + end).initialize(to: value)
    filled += 1
  }

  @inlinable mutating func takeFirst() -> Value? {
    guard filled > 0 else { return nil }
    let value = unsafe (buffer + start).move()
    start = start + 1 == capacity ? 0 : start + 1
    filled -= 1
    return value
  }

  /// The outcome of a receive, and the waiting sender that the caller then resumes.
  @inlinable mutating func take() -> (found: Received<Value>, sender: ChannelSlot<Value>?) {
    if let value = takeFirst() {
      if isTraced { traceReceived() }
      // There is room for the value of the first waiting sender.
      guard !senders.isEmpty, let sender = claimSender() else { return (.value(value), nil) }
      if let waiting = unsafe sender.value.take() {
        append(waiting)
        if isTraced { traceSent() }
      }
      return (.value(value), sender)
    }
    if !senders.isEmpty, let sender = claimSender(), let value = unsafe sender.value.take() {
      if isTraced {
        traceSent()
        traceReceived()
      }
      return (.value(value), sender)
    }
    return (isClosed ? .closed : .nothing, nil)
  }

  /// Claims every waiter; the caller resumes them. Nil: the channel was closed before.
  @inlinable mutating func close() -> [AnyChannelSlot]? {
    if isClosed { return nil }
    isClosed = true
    var waiting: [AnyChannelSlot] = []
    while let receiver = receivers.claimFirst() { waiting.append(receiver) }
    while let sender = claimSender() {
      unsafe sender.isClosed = true
      waiting.append(sender)
    }
    return waiting
  }

  // Every waiter at this channel has a value of its type.
  @inlinable mutating func claimReceiver() -> ChannelSlot<Value>? {
    receivers.claimFirst().map { unsafe unsafeDowncast($0, to: ChannelSlot<Value>.self) }
  }

  @inlinable mutating func claimSender() -> ChannelSlot<Value>? {
    senders.claimFirst().map { unsafe unsafeDowncast($0, to: ChannelSlot<Value>.self) }
  }
}
