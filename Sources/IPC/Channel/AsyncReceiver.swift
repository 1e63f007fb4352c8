import ConcurrencyModels
import SystemCalls

/// A receiver for tasks: it waits without holding a thread of the cooperative pool, for any number of tasks, and in a
/// ``/ConcurrencyModels/select(_:)``. Each message goes to one task.
///
/// ```swift
/// let jobs = AsyncReceiver(channel.receiver)
/// for try await job in jobs.messages(of: Job.self) { … }
/// ```
///
/// One event loop, on a thread of its own, waits for every channel that poll can see. For queues, semaphores and shared
/// memory a thread that may block waits, one for each endpoint with waiting tasks: in semtimedop(2), or at an event count
/// (futex(2)). Waiting takes no message: a task that is cancelled, or a select that chose another case, has taken none.
///
/// System calls: those of ``Receiver``; epoll_wait(2), futex(2) or semtimedop(2) to wait.
public final class AsyncReceiver: @unchecked Sendable {
  // The transport is used under the watch's lock.
  private let receiver: OwnedReceiver
  private let watch: ReadinessWatch

  /// Takes over a receiver.
  public init(_ receiver: consuming ByteReceiver) {
    let owned = OwnedReceiver(receiver)
    self.receiver = owned
    watch = ReadinessWatch(
      ReadinessWatch.Endpoint(
        events: .read, readiness: { owned.transport.readiness },
        wait: { _, deadline in owned.transport.waitUntilReady(until: deadline) }, close: { owned.close() }))
  }

  /// Opens a receiver of the channel with this address, as ``Receiver/open(_:)-(String)`` does.
  public convenience init(_ address: String) throws(ChannelError) { self.init(try ByteReceiver(at: address)) }

  deinit { watch.close() }

  /// The channel's mechanism.
  public var mechanism: Mechanism { receiver.transport.mechanism }

  // MARK: Receiving

  /// Waits for a message and reads it as a value.
  /// - Throws: ``ChannelError`` as ``Receiver`` does: `closed`, `invalidMessage`, `protocolViolation`;
  ///   `CancellationError` if the task is cancelled while it waits; nothing is taken then.
  public nonisolated(nonsending) func receive<Value: Message>(_ type: Value.Type) async throws -> Value {
    let bytes = try await receive()
    return try Value(decoding: bytes.span)
  }

  /// Waits for a message and returns its bytes.
  /// - Throws: as ``receive(_:)``.
  public nonisolated(nonsending) func receive() async throws -> [UInt8] {
    while true {
      try Task.checkCancellation()
      var seen = ReadinessWatch.SeenState()
      if let bytes = try take(&seen) { return bytes }
      try await SelectWaker.wait(for: ReadinessSource(watch, seen, count: 0))
    }
  }

  /// Waits for a message, at most for a duration, and reads it as a value.
  /// - Throws: `timedOut`, having taken nothing; the errors of ``receive(_:)``.
  public nonisolated(nonsending) func receive<Value: Message & Sendable>(
    _ type: Value.Type, within duration: Duration
  ) async throws -> Value {
    let value: Value? = try await select {
      Receive(type, from: self) { value -> Value? in
        guard let value else { throw ChannelError.closed(.receive, self.mechanism) }
        return value
      }
      After(duration) { nil }
    }
    guard let value else { throw ChannelError.timedOut(.receive, mechanism) }
    return value
  }

  /// Reads a message as a value if there is one.
  /// - Returns: nil if there is none.
  public func tryReceive<Value: Message>(_ type: Value.Type) throws -> Value? {
    var seen = ReadinessWatch.SeenState()
    return try take(&seen).map { bytes in try Value(decoding: bytes.span) }
  }

  /// Messages until the last sender has closed. Several loops share them.
  public func messages<Value: Message>(of type: Value.Type = Value.self) -> AsyncMessages<Value> {
    AsyncMessages(self)
  }

  /// Closes the receiver. A waiting task gets `closed`.
  public func close() { watch.close() }

  // MARK: For the watch

  /// A message if there is one.
  func take(_ seen: inout ReadinessWatch.SeenState) throws -> [UInt8]? {
    let end = receiver.transport
    return try watch.attempt(&seen) {
      guard let bytes = unsafe try end.take(until: .now) else { return nil }
      defer { end.release() }
      return unsafe Array(bytes)
    }
  }

  func register(_ waker: SelectWaker, _ seen: ReadinessWatch.SeenState) {
    watch.register(waker, seen, count: 0)
  }
  func unregister(_ waker: SelectWaker) { watch.unregister(waker) }
}

/// Keeps a receiver until it is closed.
private final class OwnedReceiver {
  let transport: any ReceiverTransport
  private var receiver: ByteReceiver?

  init(_ receiver: consuming ByteReceiver) {
    transport = receiver.transport
    self.receiver = consume receiver
  }

  func close() { receiver = nil }
}

/// The messages of a channel, as values, until its last sender has closed: `for try await`.
public struct AsyncMessages<Value: Message>: AsyncSequence {
  private let receiver: AsyncReceiver

  init(_ receiver: AsyncReceiver) { self.receiver = receiver }

  /// Receives one message after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let receiver: AsyncReceiver

    /// The next message; nil once the last sender has closed and everything is received.
    public mutating func next() async throws -> Value? {
      do {
        return try await receiver.receive(Value.self)
      } catch let error as ChannelError where error.code == .closed {
        return nil
      }
    }
  }

  /// Receives the messages that come from now on.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(receiver: receiver) }
}

extension AsyncMessages: Sendable where Value: Sendable {}

extension ByteReceiver {
  /// The messages until the last sender has closed, for a task: `for try await job in receiver.messages(of: Job.self)`.
  /// Takes the receiver over; see ``AsyncReceiver``.
  public consuming func messages<Value: Message>(of type: Value.Type = Value.self) -> AsyncMessages<Value> {
    AsyncReceiver(self).messages()
  }
}
