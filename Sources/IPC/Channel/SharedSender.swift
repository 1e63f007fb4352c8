import ConcurrencyModels

/// A sender that several threads and tasks share, and that arrays, dictionaries and other classes can hold.
/// ``Sender/shared()`` makes one. ``SharedReceiver`` says how it waits.
///
/// A message that is larger than what goes at once (4 KiB on byte streams, half the ring in shared memory, else a unit of
/// the mechanism's) keeps the endpoint for itself while it goes; a task's is sent by a thread that may block. When the task is
/// cancelled or this endpoint closed, that thread takes the message back within a quarter of a second: nothing is sent.
///
/// System calls: those of ``Sender``; epoll_wait(2), futex(2) or semtimedop(2) to wait.
public final class SharedSender<Element: Message>: Sendable {
  let core: SharedByteSender

  init(_ sender: consuming ByteSender) { core = SharedByteSender(sender) }

  /// The channel's mechanism.
  public var mechanism: Mechanism { core.mechanism }

  // MARK: From a thread

  /// Sends a message. Blocks the calling thread while the channel is full.
  /// - Throws: ``ChannelError`` as ``Sender`` does: `closed`, `messageTooLong`.
  public func send(_ message: borrowing Element) throws(ChannelError) {
    _ = try core.send(try SharedByteSender.bytes(message), until: .never)
  }

  /// Sends a message before the deadline. Blocks the calling thread while the channel is full.
  /// - Throws: `timedOut` if the channel stays full; nothing is sent then.
  public func send(_ message: borrowing Element, within duration: Duration) throws(ChannelError) {
    guard try core.send(try SharedByteSender.bytes(message), until: .within(duration)) else {
      throw .timedOut(.send, mechanism)
    }
  }

  /// Sends a message if the channel has room.
  /// - Returns: false if the call would wait, and for a message that is larger than what goes at once; nothing is sent then.
  public func trySend(_ message: borrowing Element) throws(ChannelError) -> Bool {
    try core.trySend(try SharedByteSender.bytes(message))
  }

  // MARK: From a task

  /// Sends a message. Waits while the channel is full.
  /// - Throws: ``ChannelError`` as ``Sender`` does: `closed`, `messageTooLong`; `CancellationError` if the task is
  ///   cancelled while it waits; nothing is sent then.
  public nonisolated(nonsending) func send(_ message: borrowing Element) async throws {
    try await core.send(try SharedByteSender.bytes(message))
  }

  /// Closes the sender. A task or thread that waits gets `closed`.
  public func close() { core.close() }
}

extension Sender {
  /// A sender for several threads and tasks, which takes this one over: this one is closed. Turns ``coalesces`` off.
  public mutating func shared() -> SharedSender<Element> { SharedSender(ByteSender(bytes.take())) }
}
