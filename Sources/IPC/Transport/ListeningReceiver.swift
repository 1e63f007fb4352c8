import SystemCalls

/// The receiving end of a named socket: takes the messages of every sender that its door has
/// admitted, in turn. When the last of them has closed the channel is at its end.
package final class ListeningReceiver: ReceiverTransport {
  /// One sender's connection.
  private final class Line {
    let socket: Descriptor
    let decoder: FrameDecoder

    init(_ socket: consuming Descriptor, _ decoder: FrameDecoder) {
      self.socket = socket
      self.decoder = decoder
    }
  }

  package let mechanism: Mechanism
  package let options: ChannelOptions
  package private(set) var bytesCarried = 0
  private let unitBytes: Int
  private var door: Acceptor?
  private var lines: [Line] = []
  /// Whose message was handed out last: the next search begins behind it, so that no sender starves another.
  private var current: Line?
  private var turn = 0
  private var hadSender = false
  private var reads = 0
  /// A last line that no newline ended.
  private var lastWords: [UInt8]?
  private let spoken = ByteBuffer(capacity: 16)
  private var spinPolicy: SpinPolicy
  /// Made when somebody waits without a thread.
  private var gathered: Epoll?
  private let onClose: () -> Void

  package init(
    _ mechanism: Mechanism, _ door: Acceptor, _ options: ChannelOptions, unitBytes: Int,
    onClose: @escaping () -> Void
  ) {
    self.mechanism = mechanism
    self.options = options
    self.door = door
    self.unitBytes = unitBytes
    self.onClose = onClose
    spinPolicy = SpinPolicy(options.wait)
  }

  package func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    while true {
      if let message = unsafe try buffered() { return unsafe message }
      if let words = lastWords {
        lastWords = nil
        spoken.removeAll()
        unsafe words.withUnsafeBytes { unsafe spoken.append($0) }
        return unsafe spoken.bytes
      }
      if try turnOver(until: .now) { continue }
      if hadSender, lines.isEmpty { throw .closed(.receive, mechanism) }
      if deadline.isNow { return nil }
      let moved = try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
        if try spinPolicy.spin(until: limit, { () throws(ChannelError) in try turnOver(until: .now) }) {
          return true
        }
        return try turnOver(until: limit) ? true : nil
      }
      if moved == nil { return nil }
    }
  }

  /// A whole message that was read already, from the next sender that has one.
  private func buffered() throws(ChannelError) -> UnsafeRawBufferPointer? {
    for step in 0..<lines.count {
      let index = (turn + step) % lines.count
      let line = lines[index]
      do throws(ChannelError) {
        if let message = unsafe try line.decoder.next() {
          current = line
          turn = index + 1
          return unsafe message
        }
      } catch {
        // One sender's garbage ends that sender alone; the caller is told once.
        lines.remove(at: index)
        throw error
      }
    }
    return nil
  }

  /// Accepts and reads what is ready; waits for it until the deadline. True when anything changed.
  private func turnOver(until deadline: Deadline) throws(ChannelError) -> Bool {
    guard let door else { throw .closed(.receive, mechanism) }
    // The usual case: one sender, and it has sent.
    // Now and then the door all the same, or a second one would wait as long as the first keeps sending.
    reads &+= 1
    if lines.count == 1, reads & 31 != 0, try read(lines[0]) { return true }
    var entries = [PollEntry(door.pollable, read: true)] + lines.map { PollEntry($0.socket.raw, read: true) }
    let ready = try translating(.receive, mechanism) { () throws(SystemError) in
      try ppoll(&entries, nanoseconds: deadline.remaining)
    }
    guard ready > 0 else { return false }
    var changed = false
    for (line, entry) in zip(lines, entries.dropFirst()) where entry.readable || entry.hungUp {
      if try read(line) { changed = true }
    }
    if entries[0].readable, take(from: door) { changed = true }
    return changed
  }

  /// Reads once from a sender. True when bytes came or it is gone.
  private func read(_ line: Line) throws(ChannelError) -> Bool {
    var truncated = false
    do throws(SystemError) {
      let room = unsafe line.decoder.room(unitBytes)
      let count = unsafe try Sockets.recvmsg(line.socket.raw, into: room, wait: false, truncated: &truncated)
      line.decoder.filled(count)
      bytesCarried += count
      if count == 0, let last = unsafe line.decoder.last() { lastWords = unsafe Array(last) }
      if count == 0 || truncated { drop(line) }
    } catch {
      if error.wouldBlock { return false }
      drop(line)
      if !error.meansClosed { throw ChannelError(error, .receive, mechanism) }
    }
    if truncated { throw .violation(mechanism, "a packet of more than \(unitBytes) bytes") }
    return true
  }

  private func drop(_ line: Line) { lines.removeAll { $0 === line } }

  /// Those that the door has admitted meanwhile.
  private func take(from door: Acceptor) -> Bool {
    door.rearm()
    var came = false
    while let socket = door.next() {
      let decoder = FrameDecoder(mechanism: mechanism, options: options, bufferBytes: 4096)
      let line = Line(socket, decoder)
      lines.append(line)
      gather(line)
      hadSender = true
      came = true
    }
    return came
  }

  package func release() {
    current?.decoder.release()
    current = nil
  }

  /// One descriptor for the door and all lines, which come and go, with numbers that others may have by then: an epoll of
  /// its own, which the kernel lets go of a socket that closes.
  package var readiness: Readiness {
    guard let door else { return .descriptors([], nil) }
    if gathered == nil, let epoll = try? Epoll() {
      try? epoll.add(door.pollable, .read, token: 0)
      for line in lines { try? epoll.add(line.socket.raw, .read, token: 0) }
      gathered = consume epoll
    }
    switch gathered {
    case .some(let epoll): return .descriptors([epoll.raw], nil)
    // No descriptor is left for it: each by itself.
    case .none: return .descriptors([door.pollable] + lines.map { $0.socket.raw }, nil)
    }
  }

  private func gather(_ line: Line) {
    switch gathered {
    case .some(let epoll): try? epoll.add(line.socket.raw, .read, token: 0)
    case .none: break
    }
  }

  package func close() {
    guard let door else { return }
    door.close()
    self.door = nil
    gathered = nil
    lines = []
    onClose()
  }

  package func transfer() throws(ChannelError) -> EndpointTransfer {
    throw ChannelError(
      .notSupported, .pass, mechanism,
      "a receiver that listens stays where it is: open it in the other process, or hand over one of Channel.make"
    )
  }
}
