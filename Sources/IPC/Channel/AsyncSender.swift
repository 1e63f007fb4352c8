import ConcurrencyModels
import Synchronization
import SystemCalls

/// A sender for tasks: it waits for room without holding a thread of the cooperative pool, for any number of tasks, and in
/// a ``/ConcurrencyModels/select(_:)``. See ``AsyncReceiver`` for who does the waiting.
///
/// A message that is larger than what goes at once (4 KiB on byte streams, half the ring in shared memory, else a unit of
/// the mechanism's) is sent by a thread that may block. It looks after a second, after two more, after four, and at last
/// every minute, whether the task was cancelled or this end closed; then it takes the message back, and nothing was sent.
///
/// System calls: those of ``Sender``; epoll_wait(2), futex(2) or semtimedop(2) to wait.
public final class AsyncSender: @unchecked Sendable {
  // The end is used under the watch's lock.
  private let sender: OwnedSender
  private let watch: ReadinessWatch
  /// One large message at a time.
  private let large = LocalChannel<Void>(capacity: 1)

  /// Takes the sender over. It holds nothing back: see ``Sender/coalesces``.
  public init(_ sender: consuming Sender) {
    sender.coalesces = false
    let owned = OwnedSender(sender)
    self.sender = owned
    watch = ReadinessWatch(
      ReadinessWatch.End(
        events: .write, readiness: { owned.transport.readiness },
        wait: { count, deadline in owned.transport.waitUntilReady(count, until: deadline) },
        close: { owned.close() }))
  }

  /// Opens the sending end of the channel with this address, as ``Sender/open(_:within:)-(String,_)`` does.
  public convenience init(_ address: String) throws(ChannelError) { self.init(try Sender.open(address)) }

  deinit { watch.close() }

  /// What carries the channel.
  public var mechanism: Mechanism { sender.transport.mechanism }

  // MARK: Sending

  /// Sends a value. Waits while the channel is full.
  /// - Throws: ``ChannelError`` as ``Sender`` does: `closed`, `messageTooLong`; `CancellationError` when the task is
  ///   cancelled while it waits: nothing was sent then.
  public nonisolated(nonsending) func send<Value: Message>(_ message: borrowing Value) async throws {
    try await send(try Self.bytes(message))
  }

  /// Sends a value if that needs no wait; false: it would have.
  public func trySend<Value: Message>(_ message: borrowing Value) throws -> Bool {
    let bytes = try Self.bytes(message)
    var sight = ReadinessWatch.Sight()
    return try isWhole(bytes) ? put(bytes, &sight) : false
  }

  static func bytes<Value: Message>(_ message: borrowing Value) throws(ChannelError) -> [UInt8] {
    var writer = MessageWriter()
    try message.encode(to: &writer)
    return writer.bytes
  }

  nonisolated(nonsending) func send(_ bytes: [UInt8]) async throws {
    if !isWhole(bytes) { return try await sendLarge(bytes) }
    while true {
      try Task.checkCancellation()
      var sight = ReadinessWatch.Sight()
      if try put(bytes, &sight) { return }
      try await SelectWaker.wait(for: Waiting(watch, sight, count: bytes.count))
    }
  }

  /// Closes the end. Who waits gets `closed`.
  public func close() { watch.close() }

  // MARK: For the watch

  /// Whether it goes at once or not at all. One that is too long is refused at once.
  func isWhole(_ bytes: [UInt8]) -> Bool {
    bytes.count <= sender.transport.atomicMessageBytes
      || bytes.count > sender.transport.options.maximumMessageBytes
  }

  /// Sends a message that goes at once or not at all; false: there is no room.
  func put(_ bytes: [UInt8], _ sight: inout ReadinessWatch.Sight) throws -> Bool {
    let sender = self.sender
    let sent: Void? = try watch.attempt(&sight) {
      let sent = unsafe try bytes.withUnsafeBytes { unsafe try sender.transport.send($0, until: .now) }
      return sent ? () : nil
    }
    return sent != nil
  }

  /// Whether a large message can begin to go.
  func hasRoom(_ sight: inout ReadinessWatch.Sight) throws -> Bool {
    let end = sender.transport
    let found: Void? = try watch.attempt(&sight) {
      switch end.readiness {
      case .thread: end.waitUntilReady(1, until: .now) ? () : nil
      case .descriptors(let descriptors, let liveness):
        liveness?.peersGone == true
          || descriptors.contains { (try? ppoll($0, write: true, nanoseconds: 0)) ?? true } ? () : nil
      // Tokens are never large.
      case .counters: ()
      }
    }
    return found != nil
  }

  /// Sends a message of any size, from a thread that may block.
  nonisolated(nonsending) func sendLarge(_ bytes: [UInt8]) async throws {
    try await large.send(())
    defer { _ = large.tryReceive() }
    let isCancelled = Flag()
    let sender = self.sender
    let watch = self.watch
    let result = try await withTaskCancellationHandler {
      try await watch.whileOnLoan { () -> Result<Void, any Error> in
        Result {
          try Self.send(bytes, sender.transport) { () -> (any Error)? in
            if watch.isClosing { return ChannelError.closed(.send, sender.transport.mechanism) }
            return isCancelled.isSet ? CancellationError() : nil
          }
        }
      }
    } onCancel: {
      isCancelled.set()
    }
    try result.get()
  }

  private final class Flag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
  }

  /// Blocks until the message has gone, or `isOver` says why it isn't to go. Each time it looks it has to take the message
  /// back, so it waits longer before the next.
  private static func send(_ bytes: [UInt8], _ end: any SenderTransport, _ isOver: () -> (any Error)?) throws
  {
    var patience = Duration.seconds(1)
    while true {
      let sent = unsafe try bytes.withUnsafeBytes { unsafe try end.send($0, until: .within(patience)) }
      if sent { return }
      if let error = isOver() { throw error }
      patience = min(patience * 2, .seconds(60))
    }
  }

  func register(_ waker: SelectWaker, _ sight: ReadinessWatch.Sight, _ bytes: [UInt8]) {
    watch.register(waker, sight, count: isWhole(bytes) ? bytes.count : 1)
  }
  func unregister(_ waker: SelectWaker) { watch.unregister(waker) }
}

/// Keeps a sender until it is closed.
private final class OwnedSender: @unchecked Sendable {
  let transport: any SenderTransport
  private var sender: Sender?

  init(_ sender: consuming Sender) {
    transport = sender.transport
    self.sender = consume sender
  }

  func close() { sender = nil }
}
