/// What a channel between tasks holds, apart from its lock: a state machine that resumes nobody and waits for nothing.
/// Those whom a step has claimed go on when their `resume` is called, after the lock was let go.
@usableFromInline @safe struct ChannelState<Value> {
  /// A ring of `capacity` places.
  @usableFromInline let buffer: UnsafeMutablePointer<Value>
  @usableFromInline let capacity: Int
  @usableFromInline var start = 0
  @usableFromInline var filled = 0
  @usableFromInline var isClosed = false
  @usableFromInline var senders = WaitQueue<Value>()
  @usableFromInline var receivers = WaitQueue<Value>()

  @inlinable init(capacity: Int) {
    self.capacity = capacity
    unsafe buffer = .allocate(capacity: max(1, capacity))
  }

  /// Lets go of what nobody received.
  @inlinable mutating func destroy() {
    while let _ = takeFirst() {}
    unsafe buffer.deallocate()
  }

  /// What a send found.
  @usableFromInline enum PutResult {
    case done
    /// Somebody waits, has been given the value, and is to be resumed.
    case delivered(ChannelSlot<Value>)
    case full, closed
  }

  @inlinable mutating func put(_ value: Value) -> PutResult {
    if isClosed { return .closed }
    if !receivers.isEmpty, let receiver = receivers.claimFirst() {
      receiver.value = value
      return .delivered(receiver)
    }
    guard filled < capacity else { return .full }
    append(value)
    return .done
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

  /// What a receive found, and the sender that can go on with it.
  @inlinable mutating func take() -> (found: Received<Value>, sender: ChannelSlot<Value>?) {
    if let value = takeFirst() {
      // Whoever waited to send has room now.
      guard !senders.isEmpty, let sender = senders.claimFirst() else { return (.value(value), nil) }
      if let waiting = sender.value.take() { append(waiting) }
      return (.value(value), sender)
    }
    if !senders.isEmpty, let sender = senders.claimFirst(), let value = sender.value.take() {
      return (.value(value), sender)
    }
    return (isClosed ? .closed : .nothing, nil)
  }

  /// Everybody who waits goes on. Nil: it was closed before.
  @inlinable mutating func close() -> [ChannelSlot<Value>]? {
    if isClosed { return nil }
    isClosed = true
    var waiting: [ChannelSlot<Value>] = []
    while let receiver = receivers.claimFirst() { waiting.append(receiver) }
    while let sender = senders.claimFirst() {
      sender.isClosed = true
      waiting.append(sender)
    }
    return waiting
  }
}
