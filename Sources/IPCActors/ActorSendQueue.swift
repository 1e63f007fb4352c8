import IPC
import Synchronization
import SystemCalls

/// The sending side of a connection between two actor systems: any thread sends, and none waits for a full channel.
///
/// Whoever comes while nobody sends does; who comes meanwhile leaves its message to it. When the channel is full, a thread
/// of its own goes on. What waits is bounded by how many calls may be on their way.
final class ActorOutbox: @unchecked Sendable {
  // The sender belongs to whoever has set `isSending`.

  private struct State {
    var isSending = false
    var isClosed = false
    var isReleased = false
    var backlog: [[UInt8]] = []
    var names = SentNameTable()
  }

  private let state = Mutex(State())
  private var sender: Sender?
  /// Messages since the last flush, of whoever sends.
  private var held = 0
  private static let mostHeld = 16
  private let end: any SenderTransport
  /// Messages that are there and haven't gone.
  private let unsent = Atomic<Int>(0)
  var waiting: Int { unsent.load(ordering: .relaxed) }
  /// How long a channel that closes may take for what is held back.
  private static let lastPatience = Duration.milliseconds(100)
  private var writer = MessageWriter()
  let limit: Int
  let mechanism: Mechanism
  /// Called when the channel has turned out to be closed. Set before anything is sent.
  var whenClosed: @Sendable (ChannelError) -> Void = { _ in }

  init(_ sender: consuming Sender) {
    limit = sender.end.options.maximumMessageBytes
    mechanism = sender.mechanism
    end = sender.end
    // A ring takes messages without a system call as it is; elsewhere, several go together.
    sender.coalesces = !end.reservesSharedMemory
    self.sender = consume sender
  }

  var bytesCarried: Int { end.bytesCarried }

  /// Sends the message that `write` writes. It may use the names that were told.
  func send(_ write: (inout MessageWriter, inout SentNameTable) -> Void) {
    let isMine = state.withLock { state in
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
    if isMine { drain() }
  }

  /// Sends what is in `writer`, and what came meanwhile.
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
          // A receiving thread flushes before it waits: what it does till then goes together, but not so much that the
          // other side has nothing to do meanwhile.
          held += 1
          if ActorTurn.current == nil || held >= Self.mostHeld {
            held = 0
            if try !end.flush(until: .now) { return try transfer([]) }
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
      unsafe try end.send(bytes, until: deadline)
    }
  }

  /// Nobody sends any more. False: something has come.
  private func finish() -> Bool {
    let (isOver, closes) = state.withLock { state in
      guard state.backlog.isEmpty else { return (false, false) }
      state.isSending = false
      return (true, state.isClosed)
    }
    if closes { letGo() }
    return isOver
  }

  private func fail(_ error: ChannelError) {
    state.withLock { state in
      state.isClosed = true
      state.backlog = []
      state.isSending = false
    }
    letGo()
    whenClosed(error)
  }

  private var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Who sends has been told that nothing more is to be sent.
  private func leave() {
    state.withLock { $0.isSending = false }
    letGo()
  }

  /// Closes the end. Not under the lock, and not for longer than a moment: who doesn't read mustn't hold up who leaves.
  private func letGo() {
    let mine = state.withLock { state in
      defer { state.isReleased = true }
      return !state.isReleased
    }
    guard mine else { return }
    _ = try? end.flush(until: .within(Self.lastPatience))
    end.discard()
    sender = nil
  }

  /// A full channel: a thread that may wait sends the rest.
  private func transfer(_ messages: [[UInt8]]) throws(ChannelError) {
    do throws(SystemError) {
      try Threads.start(name: "ipc-actors-out") { [self] in
        do throws(ChannelError) {
          var left = messages
          while true {
            for message in left {
              var patience = Duration.seconds(1)
              // Now and then it looks whether anybody still wants that.
              while try !send(message, until: .within(patience)) {
                if isClosed { return leave() }
                patience = min(patience * 2, .seconds(60))
              }
              unsent.subtract(1, ordering: .relaxed)
            }
            while try !end.flush(until: .within(.seconds(1))) { if isClosed { return leave() } }
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

  /// Nothing more is sent: the other side is told.
  func close() {
    let isIdle = state.withLock { state in
      state.isClosed = true
      state.backlog = []
      // Who sends lets go of it.
      return !state.isSending
    }
    if isIdle { letGo() }
  }
}
