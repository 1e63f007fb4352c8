/// Why an operation on a ``LocalChannel`` failed.
public struct LocalChannelError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of error.
  public enum Code: Hashable, Sendable {
    /// A value was sent to a channel that is closed.
    case sendOnClosed
    /// The channel was closed already.
    case closedTwice
  }

  /// The kind of error.
  public let code: Code

  /// Makes an error of this kind.
  public init(_ code: Code) { self.code = code }

  /// What happened, and what to do.
  public var description: String {
    switch code {
    case .sendOnClosed: "the channel is closed: close it only after the last send"
    case .closedTwice: "the channel is closed already: let one task own it and close it once"
    }
  }
}

/// The outcome of a receive that doesn't wait.
@frozen public enum Received<Value> {
  case value(Value)
  /// The channel is open and empty.
  case nothing
  /// The channel is closed and empty.
  case closed
}

extension Received: Sendable where Value: Sendable {}

/// A channel between the tasks of one process, as in Go: typed, with or without a buffer, for any number of
/// senders and receivers. Without a buffer a send waits until a task receives.
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
/// Values of one sender arrive in the order sent, each at one receiver; the task that waits longest is served
/// first. After the channel is closed, receivers take what is in the buffer and then get nil. Go's nil channel is
/// an `Optional`: in a ``select(_:)`` it is never ready.
///
/// No thread waits: a task that waits is suspended, and resumed on its executor. System calls: futex(2), of the
/// lock and of an executor that has to be woken.
///
/// Source: `Sources/ConcurrencyModels/Channels/`.
@safe public final class LocalChannel<Value: Sendable>: @unchecked Sendable {
  @usableFromInline let lock = BriefLock()
  // Used under the lock. Behind a pointer, because the compiler checks each access to a class's property for
  // exclusivity.
  @usableFromInline let state: UnsafeMutablePointer<ChannelState<Value>>

  /// What a select does at the channel, under the lock. Made where the type of the values is known, so that the
  /// select, which doesn't know it, looks up no metadata.
  @usableFromInline let step: SelectStep.Run

  /// How many values the buffer holds; 0: there is no buffer, and a send waits for its receiver.
  public let capacity: Int

  /// Makes a channel with room for `capacity` values. A negative capacity counts as 0.
  @inlinable public init(capacity: Int = 0) {
    self.capacity = Swift.max(0, capacity)
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: ChannelState(capacity: self.capacity))
    unsafe step = { step, state, slot in
      let slot = unsafe unsafeDowncast(slot, to: ChannelSlot<Value>.self)
      return unsafe state.assumingMemoryBound(to: ChannelState<Value>.self).pointee.carryOut(step, slot)
    }
  }

  deinit {
    unsafe state.pointee.destroy()
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  /// How many values are in the buffer.
  @inlinable public var count: Int { lock.with { unsafe state.pointee.filled } }

  // MARK: Sending

  /// Sends a value. Waits while the buffer is full or, without a buffer, until a task receives.
  /// - Throws: `sendOnClosed`, also when the channel is closed while it waits; `CancellationError` when the task is
  ///   cancelled while it waits: nothing was sent.
  @inlinable nonisolated(nonsending) public func send(_ value: Value) async throws {
    if try trySend(value) { return }
    try await sendWaiting(value)
  }

  // Apart, so that `send` itself is small enough for the compiler to put it into its callers.
  @inlinable @inline(never) nonisolated(nonsending) func sendWaiting(_ value: Value) async throws {
    let slot = takeSlot()
    unsafe slot.value = value
    await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { unsafe self.park(sender: slot, $0) }
    } onCancel: {
      slot.cancel()
    }
    if slot.isCancelled, unsafe !slot.isDone {
      lock.with { unsafe state.pointee.senders.remove(slot) }
      throw CancellationError()
    }
    let isClosed = unsafe slot.isClosed
    keep(slot)
    if isClosed { throw LocalChannelError(.sendOnClosed) }
  }

  /// Tries once more to send, and otherwise joins the senders that wait.
  @inlinable func park(sender slot: ChannelSlot<Value>, _ continuation: UnsafeContinuation<Void, Never>) {
    unsafe slot.prepare(continuation)
    lock.acquire()
    let found = unsafe state.pointee.put(slot.value.unsafelyUnwrapped)
    if case .full = found, slot.park() {
      unsafe state.pointee.senders.append(slot)
      return lock.release()
    }
    lock.release()
    switch found {
    case .full: break  // It was cancelled.
    case .closed: unsafe (slot.isClosed, slot.isDone) = (true, true)
    case .done: unsafe slot.isDone = true
    case .delivered(let receiver):
      unsafe slot.isDone = true
      receiver.resumeTask()
    }
    slot.resume()
  }

  /// Sends a value if that needs no wait.
  /// - Returns: false when it would have to wait: nothing was sent.
  /// - Throws: `sendOnClosed`.
  @inlinable public func trySend(_ value: Value) throws -> Bool {
    lock.acquire()
    let found = unsafe state.pointee.put(value)
    lock.release()
    switch found {
    case .done: return true
    case .delivered(let receiver):
      receiver.resumeTask()
      return true
    case .full: return false
    case .closed: throw LocalChannelError(.sendOnClosed)
    }
  }

  // MARK: Receiving

  /// Receives a value. Waits until there is one.
  /// - Returns: nil when the channel is closed and empty.
  /// - Throws: `CancellationError` when the task is cancelled while it waits: nothing was taken.
  @inlinable nonisolated(nonsending) public func receive() async throws -> Value? {
    switch tryReceive() {
    case .value(let value): return value
    case .closed: return nil
    case .nothing: return try await receiveWaiting()
    }
  }

  @inlinable @inline(never) nonisolated(nonsending) func receiveWaiting() async throws -> Value? {
    let slot = takeSlot()
    await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { unsafe self.park(receiver: slot, $0) }
    } onCancel: {
      slot.cancel()
    }
    if slot.isCancelled, unsafe !slot.isDone {
      lock.with { unsafe state.pointee.receivers.remove(slot) }
      throw CancellationError()
    }
    let value = unsafe slot.value
    keep(slot)
    return value
  }

  /// Tries once more to receive, and otherwise joins the receivers that wait.
  @inlinable func park(receiver slot: ChannelSlot<Value>, _ continuation: UnsafeContinuation<Void, Never>) {
    unsafe slot.prepare(continuation)
    lock.acquire()
    let (found, sender) = unsafe state.pointee.take()
    if case .nothing = found, slot.park() {
      unsafe state.pointee.receivers.append(slot)
      return lock.release()
    }
    lock.release()
    sender?.resumeTask()
    switch found {
    case .nothing: break  // It was cancelled.
    case .value(let value): unsafe (slot.value, slot.isDone) = (value, true)
    case .closed: unsafe slot.isDone = true
    }
    slot.resume()
  }

  /// Receives a value if that needs no wait.
  @inlinable public func tryReceive() -> Received<Value> {
    lock.acquire()
    let (found, sender) = unsafe state.pointee.take()
    lock.release()
    sender?.resumeTask()
    return found
  }

  // MARK: Slots

  /// A slot for a wait: the one of a wait that has ended, or a new one.
  @inlinable func takeSlot() -> ChannelSlot<Value> {
    lock.acquire()
    let spare = unsafe state.pointee.spare.take()
    lock.release()
    return spare ?? ChannelSlot<Value>()
  }

  /// Keeps a slot whose wait has ended, other than by cancellation, for the next wait.
  @inlinable func keep(_ slot: ChannelSlot<Value>) {
    slot.reset()
    lock.acquire()
    let before = unsafe state.pointee.spare
    unsafe state.pointee.spare = slot
    lock.release()
    // Released without the lock.
    _ = before
  }

  // MARK: Closing

  /// Closes the channel. Receivers take what is in the buffer and then get nil; senders that wait get
  /// `sendOnClosed`.
  /// - Throws: `closedTwice`.
  @inlinable public func close() throws {
    lock.acquire()
    let waiting = unsafe state.pointee.close()
    lock.release()
    guard let waiting else { throw LocalChannelError(.closedTwice) }
    for slot in waiting { slot.resumeTask() }
  }
}

/// `for try await value in channel` receives until the channel is closed and empty. Several loops share its values.
extension LocalChannel: AsyncSequence {
  /// Receives the values of a channel.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let channel: LocalChannel

    /// The next value; nil: the channel is closed and empty.
    public mutating func next() async throws -> Value? { try await channel.receive() }
  }

  /// Begins to receive.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(channel: self) }
}
