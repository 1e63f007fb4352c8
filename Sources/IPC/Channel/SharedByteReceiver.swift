import ConcurrencyModels
import SystemCalls

/// The untyped core of a ``SharedReceiver``.
package final class SharedByteReceiver: @unchecked Sendable {
  // The transport is used under the watch's lock.
  private let receiver: OwnedReceiver
  private let watch: ReadinessWatch

  /// Takes over a receiver.
  package init(_ receiver: consuming ByteReceiver) {
    let owned = OwnedReceiver(receiver)
    self.receiver = owned
    watch = ReadinessWatch(
      ReadinessWatch.Endpoint(
        events: .read, readiness: { owned.transport.readiness },
        wait: { _, deadline in owned.transport.waitUntilReady(until: deadline) }, close: { owned.close() }))
  }

  deinit { watch.close() }

  /// The channel's mechanism.
  package var mechanism: Mechanism { receiver.transport.mechanism }

  // MARK: Receiving

  /// Waits for a message, as a task.
  /// - Throws: ``ChannelError``; `CancellationError` if the task is cancelled while it waits; nothing is taken then.
  package nonisolated(nonsending) func receive() async throws -> [UInt8] {
    while true {
      try Task.checkCancellation()
      var seen = ReadinessWatch.SeenState()
      if let bytes = try take(&seen) { return bytes }
      try await SelectWaker.wait(for: ReadinessSource(watch, seen, count: 0))
    }
  }

  /// Waits for a message, as a thread.
  /// - Returns: nil if the deadline passes; nothing is taken then.
  package func receive(until deadline: Deadline) throws(ChannelError) -> [UInt8]? {
    while true {
      var seen = ReadinessWatch.SeenState()
      if let bytes = try take(&seen) { return bytes }
      if deadline.hasPassed { return nil }
      watch.wait(seen, count: 0, until: deadline)
    }
  }

  /// Closes the receiver. A task or thread that waits gets `closed`.
  package func close() { watch.close() }

  // MARK: For the watch

  /// A message if there is one.
  func take(_ seen: inout ReadinessWatch.SeenState) throws(ChannelError) -> [UInt8]? {
    let end = receiver.transport
    return try watch.attempt(&seen) { () throws(ChannelError) in
      guard let bytes = unsafe try end.take(until: .now) else { return nil }
      defer { end.release() }
      return unsafe Array(bytes)
    }
  }

  func register(_ waker: any ReadinessWaiter, _ seen: ReadinessWatch.SeenState) {
    watch.register(waker, seen, count: 0)
  }
  func unregister(_ waker: any ReadinessWaiter) { watch.unregister(waker) }
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
