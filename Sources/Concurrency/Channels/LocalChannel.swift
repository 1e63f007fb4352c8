import SystemCalls

/// Why an operation on a channel between tasks couldn't be done.
public struct LocalChannelError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: Hashable, Sendable {
    /// A value was sent to a channel that is closed.
    case sendOnClosed
    /// The channel was closed before.
    case closedTwice
  }

  public let code: Code

  public init(_ code: Code) { self.code = code }

  public var description: String {
    switch code {
    case .sendOnClosed: "the channel is closed: whoever closes it must know that nobody sends any more"
    case .closedTwice: "the channel is closed already: let one task own it, and close it once"
    }
  }
}

/// What a try to receive found.
public enum Received<Value> {
  case value(Value)
  /// Nothing, yet.
  case nothing
  /// The channel is closed, and everything was taken.
  case closed
}

extension Received: Sendable where Value: Sendable {}

/// A channel between the tasks of one process, as in Go: typed, with or without a buffer, for any number of senders and
/// receivers. Without a buffer a send waits until somebody receives.
///
/// ```swift
/// let squares = LocalChannel<Int>()
/// Task {
///   for number in 1...3 { try await squares.send(number * number) }
///   try squares.close()
/// }
/// for try await square in squares { print(square) }  // 1, 4, 9
/// ```
///
/// Values of one sender arrive in the order sent, each at one receiver; who waits longest is served first. What is still
/// in the buffer of a closed channel is received, and then nil. A channel that is nil, as in Go, is an `Optional`: in a
/// `select` it is never ready.
///
/// Nothing here waits in the kernel: a task that waits is resumed on its executor. System calls: none but futex(2), of
/// the lock and of an executor that has to be woken.
public final class LocalChannel<Value: Sendable>: @unchecked Sendable {
  // Everything below is touched under the lock.
  let lock = Lock()
  /// A ring of `capacity` places.
  private var buffer: [Value?]
  private var start = 0
  private var filled = 0
  private var isClosed = false
  private var senders = WaitingLine<Value>()
  private var receivers = WaitingLine<Value>()

  /// How many values it holds for receivers that haven't come; 0: a sender meets its receiver.
  public let capacity: Int

  /// Makes a channel. A capacity under 0 counts as 0.
  public init(capacity: Int = 0) {
    self.capacity = Swift.max(0, capacity)
    buffer = Array(repeating: nil, count: self.capacity)
  }

  /// How many values wait in the buffer.
  public var count: Int { lock.with { filled } }

  // MARK: Sending

  /// Sends a value. Waits while the buffer is full, or, without one, until somebody receives.
  /// - Throws: `sendOnClosed`, also when it is closed meanwhile; `CancellationError` when the task is cancelled while it
  ///   waits: nothing was sent then.
  public func send(_ value: Value) async throws {
    if try trySend(value) { return }
    let waiter = ChannelWaiter()
    let slot = ChannelSlot<Value>(waiter, 0, value)
    try await waiter.wait { [self] in
      lock.acquire()
      let isDone: Bool
      do {
        isDone = try putLocked(value)
      } catch {
        slot.isClosed = true
        isDone = true
      }
      if !isDone { senders.append(slot) }
      lock.release()
      return !isDone
    } remove: { [self] in
      lock.with { senders.remove(slot) }
    }
    if slot.isClosed { throw LocalChannelError(.sendOnClosed) }
  }

  /// Sends a value if that needs no wait; false: it would have.
  /// - Throws: `sendOnClosed`.
  public func trySend(_ value: Value) throws -> Bool {
    lock.acquire()
    if let receiver = try nextReceiver() {
      lock.release()
      receiver.value = value
      receiver.waiter.resume()
      return true
    }
    let isPut = put(value)
    lock.release()
    return isPut
  }

  /// Under the lock, which it lets go of to throw.
  private func nextReceiver() throws -> ChannelSlot<Value>? {
    if isClosed {
      lock.release()
      throw LocalChannelError(.sendOnClosed)
    }
    return receivers.isEmpty ? nil : receivers.claimFirst()
  }

  private func put(_ value: Value) -> Bool {
    guard filled < capacity else { return false }
    var end = start + filled
    if end >= capacity { end -= capacity }
    buffer[end] = value
    filled += 1
    return true
  }

  /// All that a send can do under the lock. The receiver goes on at once: its executor takes it from here.
  func putLocked(_ value: Value) throws -> Bool {
    if isClosed { throw LocalChannelError(.sendOnClosed) }
    if let receiver = receivers.claimFirst() {
      receiver.value = value
      receiver.waiter.resume()
      return true
    }
    return put(value)
  }

  // MARK: Receiving

  /// Takes a value. Waits until there is one; nil: the channel is closed, and everything was taken.
  /// - Throws: `CancellationError` when the task is cancelled while it waits: nothing was taken then.
  public func receive() async throws -> Value? {
    switch tryReceive() {
    case .value(let value): return value
    case .closed: return nil
    case .nothing: break
    }
    let waiter = ChannelWaiter()
    let slot = ChannelSlot<Value>(waiter, 0)
    try await waiter.wait { [self] in
      lock.acquire()
      let found = takeLocked()
      if case .value(let value) = found { slot.value = value }
      let waits = if case .nothing = found { true } else { false }
      if waits { receivers.append(slot) }
      lock.release()
      return waits
    } remove: { [self] in
      lock.with { receivers.remove(slot) }
    }
    return slot.value
  }

  /// Takes a value if there is one.
  public func tryReceive() -> Received<Value> {
    lock.acquire()
    defer { lock.release() }
    return takeLocked()
  }

  /// All that a receive can do under the lock.
  func takeLocked() -> Received<Value> {
    if filled > 0, let value = buffer[start].take() {
      start = start + 1 == capacity ? 0 : start + 1
      filled -= 1
      // Whoever waited to send has room now.
      if !senders.isEmpty, let sender = senders.claimFirst() {
        if let waiting = sender.value.take() { _ = put(waiting) }
        sender.waiter.resume()
      }
      return .value(value)
    }
    if let sender = senders.claimFirst(), let value = sender.value.take() {
      sender.waiter.resume()
      return .value(value)
    }
    return isClosed ? .closed : .nothing
  }

  // MARK: Closing

  /// Nothing more is sent. Receivers take what is left, and then get nil; senders that wait get `sendOnClosed`.
  /// - Throws: `closedTwice`.
  public func close() throws {
    lock.acquire()
    if isClosed {
      lock.release()
      throw LocalChannelError(.closedTwice)
    }
    isClosed = true
    var waiting: [ChannelSlot<Value>] = []
    while let receiver = receivers.claimFirst() { waiting.append(receiver) }
    while let sender = senders.claimFirst() {
      sender.isClosed = true
      waiting.append(sender)
    }
    lock.release()
    for slot in waiting { slot.waiter.resume() }
  }

  // MARK: For select, under the lock

  func addReceiver(_ slot: ChannelSlot<Value>) { receivers.append(slot) }
  func addSender(_ slot: ChannelSlot<Value>) { senders.append(slot) }
  func removeReceiver(_ slot: ChannelSlot<Value>) { receivers.remove(slot) }
  func removeSender(_ slot: ChannelSlot<Value>) { senders.remove(slot) }
}

/// `for try await value in channel`: to the end of a channel that is closed. Several loops share its values.
extension LocalChannel: AsyncSequence {
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let channel: LocalChannel

    public mutating func next() async throws -> Value? { try await channel.receive() }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(channel: self) }
}

extension ChannelWaiter {
  /// Suspends the task until the waiter is claimed, or the task cancelled.
  ///
  /// - Parameters:
  ///   - line up: looks once more and, if there is nothing, stands in line; false: there was.
  ///   - remove: leaves the line.
  func wait(
    _ lineUp: @escaping () -> Bool, remove: () -> Void
  ) async throws {
    nonisolated(unsafe) let lineUp = lineUp
    nonisolated(unsafe) var isDone = false
    await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { continuation in
        guard unsafe park(continuation) else { return unsafe continuation.resume() }
        if unsafe lineUp() { return }
        unsafe isDone = true
        // Unless it has just been cancelled, which resumes it as well.
        if withdraw() { resume() }
      }
    } onCancel: {
      cancel()
    }
    guard unsafe !isDone, outcome == Self.cancelled else { return }
    remove()
    throw CancellationError()
  }
}
