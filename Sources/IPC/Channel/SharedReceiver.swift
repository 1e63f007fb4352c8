import ConcurrencyModels

/// A receiver that several threads and tasks share, and that arrays, dictionaries and other classes can hold. Each message
/// goes to one of them. ``Receiver/shared()`` makes one.
///
/// ```swift
/// var receiver = try Receiver<Job>(at: "queue:jobs")
/// let jobs = receiver.shared()
/// for try await job in jobs.messages { print(job) }
/// ```
///
/// A thread that waits sleeps; a task waits without holding a thread of the cooperative pool, also in
/// a ``/ConcurrencyModels/select(_:)``. One event loop, on a thread of its own, waits for every channel that poll can see.
/// For queues, semaphores and shared memory a thread that may block waits, one for each endpoint that is waited for: in
/// semtimedop(2), or at an event count (futex(2)). Waiting takes no message: a task that is cancelled, or a select that
/// chose another case, has taken none.
///
/// System calls: those of ``Receiver``; epoll_wait(2), futex(2) or semtimedop(2) to wait.
public final class SharedReceiver<Element: Message>: Sendable {
  let core: SharedByteReceiver

  init(_ core: SharedByteReceiver) { self.core = core }

  /// The channel's mechanism.
  public var mechanism: Mechanism { core.mechanism }

  // MARK: From a thread

  /// Waits for a message. Blocks the calling thread.
  /// - Throws: ``ChannelError`` as ``Receiver`` does: `closed`, `invalidMessage`, `protocolViolation`.
  public func receive() throws(ChannelError) -> Element { try value(.never)! }

  /// Waits for a message, at most for a duration. Blocks the calling thread.
  /// - Throws: `timedOut`, having taken nothing.
  public func receive(within duration: Duration) throws(ChannelError) -> Element {
    guard let value = try value(.within(duration)) else { throw .timedOut(.receive, mechanism) }
    return value
  }

  /// Receives a message if there is one.
  /// - Returns: nil if there is none.
  public func tryReceive() throws(ChannelError) -> Element? { try value(.now) }

  /// Waits for the next message. Blocks the calling thread.
  /// - Returns: nil once the last sender has closed or died and everything is received, or this receiver was closed.
  public func next() throws(ChannelError) -> Element? {
    do throws(ChannelError) {
      return try receive()
    } catch {
      if error.code == .closed { return nil }
      throw error
    }
  }

  private func value(_ deadline: Deadline) throws(ChannelError) -> Element? {
    guard let bytes = try core.receive(until: deadline) else { return nil }
    return try Element(decoding: bytes.span)
  }

  // MARK: From a task

  /// Waits for a message.
  /// - Throws: ``ChannelError`` as ``Receiver`` does: `closed`, `invalidMessage`, `protocolViolation`;
  ///   `CancellationError` if the task is cancelled while it waits; nothing is taken then.
  public nonisolated(nonsending) func receive() async throws -> Element {
    let bytes = try await core.receive()
    return try Element(decoding: bytes.span)
  }

  /// Waits for the next message.
  /// - Returns: nil once the last sender has closed or died and everything is received, or this receiver was closed.
  public nonisolated(nonsending) func next() async throws -> Element? {
    do {
      return try await receive()
    } catch let error as ChannelError where error.code == .closed {
      return nil
    }
  }

  /// The messages until the last sender has closed. Several loops share them.
  public var messages: Messages<Element> { Messages(self) }

  /// Closes the receiver. A task or thread that waits gets `closed`.
  public func close() { core.close() }
}

extension SharedReceiver where Element: Sendable {
  /// Waits for a message, at most for a duration.
  /// - Throws: `timedOut`, having taken nothing; `CancellationError`.
  public nonisolated(nonsending) func receive(within duration: Duration) async throws -> Element {
    let value: Element? = try await select {
      Receive(self) { value -> Element? in
        guard let value else { throw ChannelError.closed(.receive, self.mechanism) }
        return value
      }
      After(duration) { nil }
    }
    guard let value else { throw ChannelError.timedOut(.receive, mechanism) }
    return value
  }
}

/// The messages of a channel until its last sender has closed: `for try await`.
public struct Messages<Element: Message>: AsyncSequence {
  private let receiver: SharedReceiver<Element>

  init(_ receiver: SharedReceiver<Element>) { self.receiver = receiver }

  /// Receives one message after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let receiver: SharedReceiver<Element>

    /// The next message; nil once the last sender has closed and everything is received.
    public mutating func next() async throws -> Element? { try await receiver.next() }
  }

  /// Receives the messages that come from now on.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(receiver: receiver) }
}

extension Messages: Sendable {}

extension Receiver {
  /// A receiver for several threads and tasks, which takes this one over: this one is closed.
  public mutating func shared() -> SharedReceiver<Element> {
    SharedReceiver(SharedByteReceiver(ByteReceiver(bytes.take())))
  }

  /// The messages until the last sender has closed, for a task: `for try await job in receiver.messages`. Takes the
  /// receiver over, as ``shared()`` does.
  public var messages: Messages<Element> {
    mutating get { shared().messages }
  }
}
