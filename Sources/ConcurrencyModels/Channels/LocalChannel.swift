/// Why an operation on a channel between tasks couldn't be done.
public struct LocalChannelError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was wrong.
  public enum Code: Hashable, Sendable {
    /// A value was sent to a channel that is closed.
    case sendOnClosed
    /// The channel was closed before.
    case closedTwice
  }

  /// What was wrong.
  public let code: Code

  /// An error of this kind.
  public init(_ code: Code) { self.code = code }

  /// What happened, and what to do.
  public var description: String {
    switch code {
    case .sendOnClosed: "the channel is closed: whoever closes it must know that nobody sends any more"
    case .closedTwice: "the channel is closed already: let one task own it, and close it once"
    }
  }
}

/// What a try to receive found.
@frozen public enum Received<Value> {
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
@safe public final class LocalChannel<Value: Sendable>: @unchecked Sendable {
  @usableFromInline let lock = ChannelLock()
  // Touched under the lock. Behind a pointer, because the compiler would check each access to a class's own.
  @usableFromInline let state: UnsafeMutablePointer<ChannelState<Value>>

  /// How many values it holds for receivers that haven't come; 0: a sender meets its receiver.
  public let capacity: Int

  /// Makes a channel. A capacity under 0 counts as 0.
  @inlinable public init(capacity: Int = 0) {
    self.capacity = Swift.max(0, capacity)
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: ChannelState(capacity: self.capacity))
  }

  deinit {
    unsafe state.pointee.destroy()
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  /// How many values wait in the buffer.
  @inlinable public var count: Int { lock.with { unsafe state.pointee.filled } }

  // MARK: Sending

  /// Sends a value. Waits while the buffer is full, or, without one, until somebody receives.
  /// - Throws: `sendOnClosed`, also when it is closed meanwhile; `CancellationError` when the task is cancelled while it
  ///   waits: nothing was sent then.
  @inlinable nonisolated(nonsending) public func send(_ value: Value) async throws {
    if try trySend(value) { return }
    let slot = ChannelSlot<Value>(ChannelWaiter(), 0, value)
    try await slot.waiter.wait {
      self.lock.acquire()
      let found = unsafe self.state.pointee.put(value)
      if case .full = found { unsafe self.state.pointee.senders.append(slot) }
      self.lock.release()
      switch found {
      case .full: return true
      case .closed: slot.isClosed = true
      case .delivered(let receiver): receiver.waiter.resume()
      case .done: break
      }
      return false
    } unregister: {
      self.lock.with { unsafe self.state.pointee.senders.remove(slot) }
    }
    if slot.isClosed { throw LocalChannelError(.sendOnClosed) }
  }

  /// Sends a value if that needs no wait; false: it would have.
  /// - Throws: `sendOnClosed`.
  @inlinable public func trySend(_ value: Value) throws -> Bool {
    lock.acquire()
    let found = unsafe state.pointee.put(value)
    lock.release()
    switch found {
    case .done: return true
    case .delivered(let receiver):
      receiver.waiter.resume()
      return true
    case .full: return false
    case .closed: throw LocalChannelError(.sendOnClosed)
    }
  }

  // MARK: Receiving

  /// Takes a value. Waits until there is one; nil: the channel is closed, and everything was taken.
  /// - Throws: `CancellationError` when the task is cancelled while it waits: nothing was taken then.
  @inlinable nonisolated(nonsending) public func receive() async throws -> Value? {
    switch tryReceive() {
    case .value(let value): return value
    case .closed: return nil
    case .nothing: break
    }
    let slot = ChannelSlot<Value>(ChannelWaiter(), 0)
    try await slot.waiter.wait {
      self.lock.acquire()
      let (found, sender) = unsafe self.state.pointee.take()
      if case .nothing = found { unsafe self.state.pointee.receivers.append(slot) }
      self.lock.release()
      sender?.waiter.resume()
      switch found {
      case .nothing: return true
      case .value(let value): slot.value = value
      case .closed: break
      }
      return false
    } unregister: {
      self.lock.with { unsafe self.state.pointee.receivers.remove(slot) }
    }
    return slot.value
  }

  /// Takes a value if there is one.
  @inlinable public func tryReceive() -> Received<Value> {
    lock.acquire()
    let (found, sender) = unsafe state.pointee.take()
    lock.release()
    sender?.waiter.resume()
    return found
  }

  // MARK: Closing

  /// Nothing more is sent. Receivers take what is left, and then get nil; senders that wait get `sendOnClosed`.
  /// - Throws: `closedTwice`.
  @inlinable public func close() throws {
    lock.acquire()
    let waiting = unsafe state.pointee.close()
    lock.release()
    guard let waiting else { throw LocalChannelError(.closedTwice) }
    for slot in waiting { slot.waiter.resume() }
  }
}

/// `for try await value in channel`: to the end of a channel that is closed. Several loops share its values.
extension LocalChannel: AsyncSequence {
  /// Receives.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let channel: LocalChannel

    /// The next value; nil: the channel is closed, and everything was taken.
    public mutating func next() async throws -> Value? { try await channel.receive() }
  }

  /// Receives what comes from now on.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(channel: self) }
}

extension ChannelWaiter {
  /// Suspends the task until the waiter is claimed, or the task cancelled.
  ///
  /// - Parameters:
  ///   - register: looks once more and, if there is nothing, stands in line; false: there was something.
  ///   - unregister: leaves the line.
  @usableFromInline nonisolated(nonsending) func wait(
    _ register: @escaping () -> Bool, unregister: () -> Void
  ) async throws {
    nonisolated(unsafe) let register = register
    nonisolated(unsafe) var isDone = false
    await withTaskCancellationHandler {
      unsafe await withUnsafeContinuation { continuation in
        guard unsafe park(continuation) else { return unsafe continuation.resume() }
        if unsafe register() { return }
        unsafe isDone = true
        // Unless it has just been cancelled, which resumes it as well.
        if withdraw() { resume() }
      }
    } onCancel: {
      cancel()
    }
    guard unsafe !isDone, isCancelled else { return }
    unregister()
    throw CancellationError()
  }
}
