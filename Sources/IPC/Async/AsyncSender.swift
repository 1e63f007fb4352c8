import Concurrency
import SystemCalls

/// A sender for tasks: it waits for room without holding a thread of the cooperative pool, for any number of tasks, and in
/// a ``/Concurrency/select(_:)``. See ``AsyncReceiver`` for who does the waiting.
///
/// A message that is larger than what goes at once (4 KiB on byte streams, half the ring in shared memory, else a unit of
/// the mechanism's) is sent by a thread that may block. Once it has begun, cancelling its task no longer stops it.
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
      .write, readiness: { owned.end.readiness },
      waitInside: { owned.end.waitUntilReady(owned.wanted, until: $0) }, close: { owned.close() })
  }

  /// Opens the sending end of the channel with this address, as ``Sender/open(_:within:)-(String,_)`` does.
  public convenience init(_ address: String) throws(ChannelError) { self.init(try Sender.open(address)) }

  deinit { watch.close() }

  /// What carries the channel.
  public var mechanism: Mechanism { sender.end.mechanism }

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
    return try isWhole(bytes) ? put(bytes) : false
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
      if try put(bytes) { return }
      try await SelectWaker.wait(for: Waiting(watch))
    }
  }

  /// Closes the end. Who waits gets `closed`.
  public func close() { watch.close() }

  // MARK: For the watch

  /// Whether it goes at once or not at all. One that is too long is refused at once.
  func isWhole(_ bytes: [UInt8]) -> Bool {
    bytes.count <= sender.end.wholeBytes || bytes.count > sender.end.options.maximumMessageBytes
  }

  /// Sends a message that goes at once or not at all; false: there is no room.
  func put(_ bytes: [UInt8]) throws -> Bool {
    let sender = self.sender
    let sent: Void? = try watch.attempt {
      let sent = unsafe try bytes.withUnsafeBytes { unsafe try sender.end.send($0, until: .now) }
      if !sent { sender.wanted = bytes.count }
      return sent ? () : nil
    }
    return sent != nil
  }

  /// Whether a large message can begin to go.
  func hasRoom() throws -> Bool {
    let end = sender.end
    let found: Void? = try watch.attempt {
      switch end.readiness {
      case .waiting: end.waitUntilReady(1, until: .now) ? () : nil
      case .descriptors(let descriptors, let lifeline):
        lifeline?.peersGone == true
          || descriptors.contains { (try? waitReady($0, write: true, nanoseconds: 0)) ?? true } ? () : nil
      }
    }
    return found != nil
  }

  /// Sends a message of any size, from a thread that may block.
  nonisolated(nonsending) func sendLarge(_ bytes: [UInt8]) async throws {
    try await large.send(())
    defer { _ = large.tryReceive() }
    let result: Result<Void, ChannelError> = try await watch.whileOnLoan { [sender] in
      do throws(ChannelError) {
        _ = try unsafe bytes.span.withUnsafeBytes { bytes throws(ChannelError) in
          unsafe try sender.end.send(bytes, until: .never)
        }
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  func lineUp(_ waker: SelectWaker) { watch.lineUp(waker) }
  func leave(_ waker: SelectWaker) { watch.leave(waker) }
}

/// Keeps a sender until it is closed.
private final class OwnedSender: @unchecked Sendable {
  let end: any SendingEnd
  /// The size of a message that found no room: what to wait for.
  var wanted = 1
  private var sender: Sender?

  init(_ sender: consuming Sender) {
    end = sender.end
    self.sender = consume sender
  }

  func close() { sender = nil }
}
