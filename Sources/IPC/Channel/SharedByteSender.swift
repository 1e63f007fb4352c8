import ConcurrencyModels
import Synchronization
import SystemCalls

/// The untyped core of a ``SharedSender``.
package final class SharedByteSender: @unchecked Sendable {
  // The transport is used under the watch's lock.
  private let sender: OwnedSender
  private let watch: ReadinessWatch
  /// One large message at a time.
  private let large = LocalChannel<Void>(capacity: 1)

  /// Takes over a sender, and turns ``ByteSender/coalesces`` off.
  package init(_ sender: consuming ByteSender) {
    sender.coalesces = false
    let owned = OwnedSender(sender)
    self.sender = owned
    watch = ReadinessWatch(
      ReadinessWatch.Endpoint(
        events: .write, readiness: { owned.transport.readiness },
        wait: { count, deadline in owned.transport.waitUntilReady(count, until: deadline) },
        close: { owned.close() }))
  }

  deinit { watch.close() }

  /// The channel's mechanism.
  package var mechanism: Mechanism { sender.transport.mechanism }

  // MARK: Sending

  /// Sends a message if the channel has room.
  func trySend(_ bytes: [UInt8]) throws(ChannelError) -> Bool {
    var seen = ReadinessWatch.SeenState()
    if isWhole(bytes) { return try put(bytes, &seen) }
    // It may have to wait in the middle. The look finds an endpoint that is closed.
    _ = try hasRoom(&seen)
    return false
  }

  /// Sends a message, as a thread.
  /// - Returns: false if the deadline passes; nothing is sent then.
  package func send(_ bytes: [UInt8], until deadline: Deadline) throws(ChannelError) -> Bool {
    if !isWhole(bytes) { return try sendLarge(bytes, until: deadline) }
    while true {
      var seen = ReadinessWatch.SeenState()
      if try put(bytes, &seen) { return true }
      if deadline.hasPassed { return false }
      watch.wait(seen, count: bytes.count, until: deadline)
    }
  }

  static func bytes<Value: Message>(_ message: borrowing Value) throws(ChannelError) -> [UInt8] {
    var writer = MessageWriter()
    try message.encode(to: &writer)
    return writer.bytes
  }

  /// Sends a message, as a task.
  package nonisolated(nonsending) func send(_ bytes: [UInt8]) async throws {
    if !isWhole(bytes) { return try await sendLarge(bytes) }
    while true {
      try Task.checkCancellation()
      var seen = ReadinessWatch.SeenState()
      if try put(bytes, &seen) { return }
      try await SelectWaker.wait(for: ReadinessSource(watch, seen, count: bytes.count))
    }
  }

  /// Closes the sender. A task or thread that waits gets `closed`.
  package func close() { watch.close() }

  // MARK: For the watch

  /// The most bytes of a message that goes at once or not at all.
  var largestAtOnce: Int { sender.transport.atomicMessageBytes }

  /// Whether a message goes at once or not at all. One that is too long is refused at once.
  func isWhole(_ bytes: [UInt8]) -> Bool {
    bytes.count <= largestAtOnce
      || bytes.count > sender.transport.options.maximumMessageBytes
  }

  /// Sends a message that goes at once or not at all. Returns false if there is no room.
  func put(_ bytes: [UInt8], _ seen: inout ReadinessWatch.SeenState) throws(ChannelError) -> Bool {
    let sender = self.sender
    let sent: Void? = try watch.attempt(&seen) { () throws(ChannelError) in
      let sent = unsafe try bytes.span.withUnsafeBytes { bytes throws(ChannelError) in
        unsafe try sender.transport.send(bytes, until: .now)
      }
      return sent ? () : nil
    }
    return sent != nil
  }

  /// Whether a large message can begin to go.
  func hasRoom(_ seen: inout ReadinessWatch.SeenState) throws(ChannelError) -> Bool {
    let end = sender.transport
    let found: Void? = try watch.attempt(&seen) { () throws(ChannelError) in
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
          let sent = try sender.transport.send(bytes, until: .never) { watch.isClosing || isCancelled.isSet }
          if sent { return }
          throw watch.isClosing
            ? ChannelError.closed(.send, sender.transport.mechanism) : CancellationError() as any Error
        }
      }
    } onCancel: {
      isCancelled.set()
    }
    try result.get()
  }

  /// Sends a message of any size, from the calling thread.
  private func sendLarge(_ bytes: [UInt8], until deadline: Deadline) throws(ChannelError) -> Bool {
    guard try watch.borrow(until: deadline) else { return false }
    defer { watch.returnBorrowed() }
    let watch = self.watch
    let sent = try sender.transport.send(bytes, until: deadline) { watch.isClosing }
    if !sent, watch.isClosing { throw .closed(.send, mechanism) }
    return sent
  }

  private final class Flag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
  }

  func register(_ waker: any ReadinessWaiter, _ seen: ReadinessWatch.SeenState, _ bytes: [UInt8]) {
    watch.register(waker, seen, count: isWhole(bytes) ? bytes.count : 1)
  }
  func unregister(_ waker: any ReadinessWaiter) { watch.unregister(waker) }
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
