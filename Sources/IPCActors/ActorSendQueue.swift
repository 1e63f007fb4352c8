import IPC
import Synchronization
import SystemCalls

/// The sending side of a connection between two actor systems. Any thread sends, and no thread waits for a full channel.
///
/// A thread that finds the queue idle sends its message itself, and then those that other threads have added to the backlog
/// meanwhile. When the channel is full, a new thread sends the rest. The limit on unanswered calls bounds the backlog.
final class ActorSendQueue: @unchecked Sendable {
  // Unchecked: the sender and the writer belong to the thread that has set `isSending`.

  private struct State {
    var isSending = false
    var isClosed = false
    var isReleased = false
    var backlog: [[UInt8]] = []
    var names = SentNames()
  }

  private let state = Locked(State())
  private var sender: ByteSender?
  /// Messages since the last flush. Belongs to the thread that sends.
  private var held = 0
  private static let maximumHeld = 16
  private let transport: any SenderTransport
  /// Messages that were added and aren't sent.
  private let unsent = Atomic<Int>(0)
  var waiting: Int { unsent.load(ordering: .relaxed) }
  /// How long closing may wait for room for messages that are held back.
  private static let closeTimeout = Duration.milliseconds(100)
  private var writer = MessageWriter()
  let limit: Int
  let mechanism: Mechanism
  /// Called when sending fails. Set before the first message is sent.
  var whenClosed: @Sendable (ChannelError) -> Void = { _ in }

  init(_ sender: consuming ByteSender) {
    limit = sender.transport.options.maximumMessageBytes
    mechanism = sender.mechanism
    transport = sender.transport
    // A ring takes messages without a system call; with other mechanisms, several messages share one.
    sender.coalesces = !transport.reservesSharedMemory
    self.sender = consume sender
  }

  var bytesCarried: Int { transport.bytesCarried }

  /// Sends the message that `write` writes, or adds it to the backlog.
  func send(_ write: (inout MessageWriter, inout SentNames) -> Void) {
    let isSender = state.withLock { state in
      if state.isClosed { return false }
      if state.isSending {
        var writer = MessageWriter()
        write(&writer, &state.names)
        state.backlog.append(writer.bytes)
        unsent.add(1, ordering: .relaxed)
        return false
      }
      state.isSending = true
      writer.removeAll()
      write(&writer, &state.names)
      return true
    }
    if isSender { drain() }
  }

  /// Sends the message in `writer`, then the backlog.
  private func drain() {
    do throws(ChannelError) {
      let bytes = writer.bytes
      guard try trySend(bytes) else {
        unsent.add(1, ordering: .relaxed)
        return try transfer([bytes])
      }
      while true {
        let more = state.withLock { state in
          if state.backlog.isEmpty { return [[UInt8]]() }
          defer { state.backlog = [] }
          return state.backlog
        }
        if more.isEmpty {
          // A receiving thread flushes before it waits, so that its messages until then go together; a few at a time,
          // so that the peer has work meanwhile.
          held += 1
          if ActorRunQueue.current == nil || held >= Self.maximumHeld {
            held = 0
            if try !transport.flush(until: .now) { return try transfer([]) }
          }
          if finish() { return }
          continue
        }
        for index in more.indices {
          guard try trySend(more[index]) else { return try transfer(Array(more[index...])) }
          unsent.subtract(1, ordering: .relaxed)
        }
      }
    } catch {
      fail(error)
    }
  }

  private func trySend(_ message: [UInt8]) throws(ChannelError) -> Bool { try send(message, until: .now) }

  private func send(_ message: [UInt8], until deadline: Deadline) throws(ChannelError) -> Bool {
    unsafe try message.span.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try transport.send(bytes, until: deadline)
    }
  }

  /// Stops sending if the backlog is empty. False: it isn't.
  private func finish() -> Bool {
    let (isOver, closes) = state.withLock { state in
      guard state.backlog.isEmpty else { return (false, false) }
      state.isSending = false
      return (true, state.isClosed)
    }
    if closes { release() }
    return isOver
  }

  private func fail(_ error: ChannelError) {
    state.withLock { state in
      state.isClosed = true
      state.backlog = []
      state.isSending = false
    }
    release()
    whenClosed(error)
  }

  private var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Stops sending, because the queue was closed.
  private func stop() {
    state.withLock { $0.isSending = false }
    release()
  }

  /// Closes the endpoint, once. Without the lock and with a short timeout: a peer that doesn't read must not delay closing.
  private func release() {
    let isFirst = state.withLock { state in
      defer { state.isReleased = true }
      return !state.isReleased
    }
    guard isFirst else { return }
    _ = try? transport.flush(until: .within(Self.closeTimeout))
    transport.discard()
    sender = nil
  }

  /// The channel is full: starts a thread that may wait, which sends these messages and then the backlog.
  private func transfer(_ messages: [[UInt8]]) throws(ChannelError) {
    do throws(SystemError) {
      try Threads.start(name: "ipc-actors-out") { [self] in
        do throws(ChannelError) {
          var left = messages
          while true {
            for message in left {
              guard try transport.send(message, until: .never, unless: { self.isClosed }) else {
                return stop()
              }
              unsent.subtract(1, ordering: .relaxed)
            }
            while try !transport.flush(until: .within(.seconds(1))) { if isClosed { return stop() } }
            left = state.withLock { state in
              defer { state.backlog = [] }
              return state.backlog
            }
            if left.isEmpty, finish() { return }
          }
        } catch {
          fail(error)
        }
      }
    } catch {
      throw ChannelError(error, .send, mechanism)
    }
  }

  /// Discards the backlog and closes the channel.
  func close() {
    let isIdle = state.withLock { state in
      state.isClosed = true
      state.backlog = []
      // A thread that sends closes the endpoint itself.
      return !state.isSending
    }
    if isIdle { release() }
  }
}
