import ConcurrencyModels
import Synchronization
import SystemCalls

/// A sender for tasks: it waits for room without holding a thread of the cooperative pool, for any number of tasks, and in
/// a ``/ConcurrencyModels/select(_:)``. ``AsyncReceiver`` says how it waits.
///
/// A message that is larger than what goes at once (4 KiB on byte streams, half the ring in shared memory, else a unit of
/// the mechanism's) is sent by a thread that may block. After a second, after two more, after four, and at last every
/// minute, that thread looks whether the task was cancelled or this endpoint closed; then it takes the message back, and
/// nothing is sent.
///
/// System calls: those of ``Sender``; epoll_wait(2), futex(2) or semtimedop(2) to wait.
public final class AsyncSender: @unchecked Sendable {
  // The transport is used under the watch's lock.
  private let sender: OwnedSender
  private let watch: ReadinessWatch
  /// One large message at a time.
  private let large = LocalChannel<Void>(capacity: 1)

  /// Takes over a sender, and turns ``Sender/coalesces`` off.
  public init(_ sender: consuming ByteSender) {
    sender.coalesces = false
    let owned = OwnedSender(sender)
    self.sender = owned
    watch = ReadinessWatch(
      ReadinessWatch.Endpoint(
        events: .write, readiness: { owned.transport.readiness },
        wait: { count, deadline in owned.transport.waitUntilReady(count, until: deadline) },
        close: { owned.close() }))
  }

  /// Opens a sender to the channel with this address, as ``Sender/open(_:within:)-(String,_)`` does.
  public convenience init(_ address: String) throws(ChannelError) { self.init(try ByteSender(to: address)) }

  deinit { watch.close() }

  /// The channel's mechanism.
  public var mechanism: Mechanism { sender.transport.mechanism }

  // MARK: Sending

  /// Sends a value. Waits while the channel is full.
  /// - Throws: ``ChannelError`` as ``Sender`` does: `closed`, `messageTooLong`; `CancellationError` if the task is
  ///   cancelled while it waits; nothing is sent then.
  public nonisolated(nonsending) func send<Value: Message>(_ message: borrowing Value) async throws {
    try await send(try Self.bytes(message))
  }

  /// Sends a value if the channel has room.
  /// - Returns: false if the call would wait; nothing is sent then.
  public func trySend<Value: Message>(_ message: borrowing Value) throws -> Bool {
    let bytes = try Self.bytes(message)
    var seen = ReadinessWatch.SeenState()
    return try isWhole(bytes) ? put(bytes, &seen) : false
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
      var seen = ReadinessWatch.SeenState()
      if try put(bytes, &seen) { return }
      try await SelectWaker.wait(for: ReadinessSource(watch, seen, count: bytes.count))
    }
  }

  /// Closes the sender. A waiting task gets `closed`.
  public func close() { watch.close() }

  // MARK: For the watch

  /// Whether a message goes at once or not at all. One that is too long is refused at once.
  func isWhole(_ bytes: [UInt8]) -> Bool {
    bytes.count <= sender.transport.atomicMessageBytes
      || bytes.count > sender.transport.options.maximumMessageBytes
  }

  /// Sends a message that goes at once or not at all. Returns false if there is no room.
  func put(_ bytes: [UInt8], _ seen: inout ReadinessWatch.SeenState) throws -> Bool {
    let sender = self.sender
    let sent: Void? = try watch.attempt(&seen) {
      let sent = unsafe try bytes.withUnsafeBytes { unsafe try sender.transport.send($0, until: .now) }
      return sent ? () : nil
    }
    return sent != nil
  }

  /// Whether a large message can begin to go.
  func hasRoom(_ seen: inout ReadinessWatch.SeenState) throws -> Bool {
    let end = sender.transport
    let found: Void? = try watch.attempt(&seen) {
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
      try await watch.whileBorrowed { () -> Result<Void, any Error> in
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

  /// Blocks until the message has gone, or `isOver` returns the reason to give up. To look, it has to take the message
  /// back, so it waits longer before each look.
  private static func send(_ bytes: [UInt8], _ end: any SenderTransport, _ isOver: () -> (any Error)?) throws
  {
    var pause = Duration.seconds(1)
    while true {
      let sent = unsafe try bytes.withUnsafeBytes { unsafe try end.send($0, until: .within(pause)) }
      if sent { return }
      if let error = isOver() { throw error }
      pause = min(pause * 2, .seconds(60))
    }
  }

  func register(_ waker: SelectWaker, _ seen: ReadinessWatch.SeenState, _ bytes: [UInt8]) {
    watch.register(waker, seen, count: isWhole(bytes) ? bytes.count : 1)
  }
  func unregister(_ waker: SelectWaker) { watch.unregister(waker) }
}

/// Keeps a sender until it is closed.
private final class OwnedSender: @unchecked Sendable {
  let transport: any SenderTransport
  private var sender: ByteSender?

  init(_ sender: consuming ByteSender) {
    transport = sender.transport
    self.sender = consume sender
  }

  func close() { sender = nil }
}
