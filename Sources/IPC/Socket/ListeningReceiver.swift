package import SystemCalls

/// The receiving end of a named socket: listens, accepts every sender that may come, and takes their messages in
/// turn. When the last of them has closed, and none waits to be accepted, the channel is at its end.
package final class ListeningReceiver: ReceivingEnd {
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
  private var listener: Descriptor?
  private var lines: [Line] = []
  /// Whose message was handed out last: the next search begins behind it, so that no sender starves another.
  private var current: Line?
  private var turn = 0
  private var hadSender = false
  private var spinner: Spinner
  /// Says whether a connection may stay, and readies it.
  private let admit: (borrowing Descriptor) throws(SystemError) -> Bool
  private let onClose: () -> Void

  package init(
    _ mechanism: Mechanism, _ listener: consuming Descriptor, _ options: ChannelOptions, unitBytes: Int,
    admit: @escaping (borrowing Descriptor) throws(SystemError) -> Bool, onClose: @escaping () -> Void
  ) {
    self.mechanism = mechanism
    self.options = options
    self.listener = consume listener
    self.unitBytes = unitBytes
    self.admit = admit
    self.onClose = onClose
    spinner = Spinner(options.wait)
  }

  private var listenerRaw: Int32? {
    switch listener {
    case .some(let descriptor): descriptor.raw
    case .none: nil
    }
  }

  /// Where it listens, for a port that the kernel chose.
  package func withListener<Result>(
    _ body: (borrowing Descriptor) throws(SystemError) -> Result
  ) throws(SystemError) -> Result? {
    switch listener {
    case .some(let descriptor): return try body(descriptor)
    case .none: return nil
    }
  }

  package func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    while true {
      if let message = unsafe try buffered() { return unsafe message }
      if try turnOver(until: .now) { continue }
      if hadSender, lines.isEmpty { throw .closed(.receive, mechanism) }
      if deadline.isNow { return nil }
      let moved = try PendingFlushes.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
        if try spinner.spin(until: limit, { () throws(ChannelError) in try turnOver(until: .now) }) {
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
    guard let listenerRaw else { throw .closed(.receive, mechanism) }
    // The usual case: one sender, and it has sent.
    if lines.count == 1, try read(lines[0]) { return true }
    var entries = [PollEntry(listenerRaw, read: true)] + lines.map { PollEntry($0.socket.raw, read: true) }
    let ready = try translating(.receive, mechanism) { () throws(SystemError) in
      try poll(&entries, nanoseconds: deadline.remaining)
    }
    guard ready > 0 else { return false }
    var changed = false
    for (line, entry) in zip(lines, entries.dropFirst()) where entry.readable || entry.hungUp {
      if try read(line) { changed = true }
    }
    if entries[0].readable { changed = try accept() || changed }
    return changed
  }

  /// Reads once from a sender. True when bytes came or it is gone.
  private func read(_ line: Line) throws(ChannelError) -> Bool {
    var truncated = false
    do throws(SystemError) {
      let room = unsafe line.decoder.room(unitBytes)
      let count = unsafe try Sockets.receive(line.socket.raw, into: room, wait: false, truncated: &truncated)
      line.decoder.filled(count)
      bytesCarried += count
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

  private func accept() throws(ChannelError) -> Bool {
    guard case .some = listenerRaw else { return false }
    do throws(SystemError) {
      let accepted = try withListener { (listener) throws(SystemError) -> Line? in
        let socket = try Sockets.accept(listener)
        guard try admit(socket) else { return nil }
        let decoder = FrameDecoder(mechanism: mechanism, options: options, bufferBytes: 4096)
        return Line(socket, decoder)
      }
      if let line = accepted ?? nil {
        lines.append(line)
        hadSender = true
      }
      return true
    } catch {
      // It left before it was accepted: as if it had never come.
      if error.wouldBlock || error.meansClosed || error.number == SystemError.aborted { return false }
      throw ChannelError(error, .receive, mechanism)
    }
  }

  package func release() {
    current?.decoder.release()
    current = nil
  }

  package func close() {
    guard listenerRaw != nil else { return }
    listener = nil
    lines = []
    onClose()
  }

  package func handOver() throws(ChannelError) -> Handover {
    throw ChannelError(
      .notSupported, .handOver, mechanism,
      "a receiver that listens stays where it is: open it in the other process, or hand over one of Channel.make"
    )
  }
}

extension SystemError {
  /// ECONNABORTED.
  fileprivate static let aborted: Int32 = 103
}
