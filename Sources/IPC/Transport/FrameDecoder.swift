/// From bytes as they come to whole messages: a state machine without any I/O.
///
/// What the other side claims is believed only as far as it has sent: a length over the limit is an error, and
/// memory grows with what has arrived, never with what was announced.
package final class FrameDecoder {
  private static let mostStreams = 1024

  private let mechanism: Mechanism
  private let limit: Int
  private let usesLines: Bool
  private let buffer: ByteBuffer
  /// Messages in parts, by sender, while their end hasn't come.
  private var partial: [UInt32: ByteBuffer] = [:] {
    didSet { hasPartial = !partial.isEmpty }
  }
  private var hasPartial = false
  /// The message in parts that was handed out last.
  private var assembled: ByteBuffer?
  /// Memory for the next message in parts.
  private var spare: ByteBuffer?
  /// What the message handed out last still occupies at the front of the buffer.
  private var taken = 0
  /// How far a search for a newline has come.
  private var scanned = 0

  package init(mechanism: Mechanism, options: ChannelOptions, bufferBytes: Int) {
    self.mechanism = mechanism
    limit = options.maximumMessageBytes
    usesLines = options.framing == .line
    buffer = ByteBuffer(capacity: bufferBytes)
  }

  /// Whether nothing is left but what was handed out.
  package var isEmpty: Bool { buffer.count == taken && partial.isEmpty }

  /// The senders whose messages have begun and not ended.
  package var openStreams: Dictionary<UInt32, ByteBuffer>.Keys { partial.keys }

  /// Room for what is read next: at least `count` bytes.
  package func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
    release()
    return unsafe buffer.room(count)
  }

  package func filled(_ count: Int) { buffer.filled(count) }

  /// The message handed out last was read.
  package func release() {
    if taken > 0 {
      buffer.dropFirst(taken)
      taken = 0
    }
    if let whole = assembled {
      // Its memory serves the next: a large one would else be fetched from the kernel page by page, each time.
      assembled = nil
      whole.removeAll()
      if whole.isWorthKeeping { spare = whole }
    }
  }

  /// The next whole message, readable until the next call; nil: more bytes are needed.
  package func next() throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    return unsafe usesLines ? try nextLine() : try nextFrame()
  }

  /// At the end of the stream: a last line that no newline ended. A message that has begun and not ended is
  /// dropped: its sender died, and half a message is none.
  package func last() -> UnsafeRawBufferPointer? {
    release()
    partial = [:]
    guard usesLines, buffer.count > 0 else {
      buffer.removeAll()
      return nil
    }
    taken = buffer.count
    scanned = 0
    return unsafe buffer.bytes
  }

  private func nextLine() throws(ChannelError) -> UnsafeRawBufferPointer? {
    let bytes = unsafe buffer.bytes
    var index = scanned
    while index < bytes.count, unsafe bytes[index] != 10 { index += 1 }
    guard index <= limit else { throw .violation(mechanism, "a line of more than \(limit) bytes") }
    guard index < bytes.count else {
      scanned = index
      return nil
    }
    scanned = 0
    taken = index + 1
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[..<index])
  }

  private func nextFrame() throws(ChannelError) -> UnsafeRawBufferPointer? {
    // The common case: a whole message, lent in place.
    let available = buffer.count
    if available >= FrameHeader.size, !hasPartial {
      let front = unsafe buffer.front
      let header = FrameHeader(UInt64(littleEndian: unsafe front.loadUnaligned(as: UInt64.self)))
      if header.isWhole, header.count <= limit, header.count <= available - FrameHeader.size {
        taken = FrameHeader.size + header.count
        return unsafe UnsafeRawBufferPointer(start: front + FrameHeader.size, count: header.count)
      }
    }
    return unsafe try nextPart()
  }

  @inline(never) private func nextPart() throws(ChannelError) -> UnsafeRawBufferPointer? {
    while buffer.count >= FrameHeader.size {
      let bytes = unsafe buffer.bytes
      let header = FrameHeader(UInt64(littleEndian: unsafe bytes.loadUnaligned(as: UInt64.self)))
      guard header.count <= limit else {
        throw .violation(mechanism, "a part of \(header.count) bytes where a message has at most \(limit)")
      }
      guard bytes.count >= FrameHeader.size + header.count else { return nil }
      let body = unsafe UnsafeRawBufferPointer(
        rebasing: bytes[FrameHeader.size..<(FrameHeader.size + header.count)])
      if !header.continues && !header.more {
        if !partial.isEmpty { partial[header.stream] = nil }
        taken = FrameHeader.size + header.count
        return unsafe body
      }
      let whole = unsafe try gather(header, body)
      buffer.dropFirst(FrameHeader.size + header.count)
      if let whole {
        assembled = whole
        return unsafe whole.bytes
      }
    }
    return nil
  }

  /// Adds a part to its message. Returns the message when this was its end.
  private func gather(
    _ header: FrameHeader, _ body: UnsafeRawBufferPointer
  ) throws(ChannelError) -> ByteBuffer? {
    let message: ByteBuffer
    if header.continues {
      // A part whose beginning was thrown away, or went to a receiver that died: skip to the next beginning.
      guard let begun = partial[header.stream] else { return nil }
      message = begun
    } else {
      guard partial.count < Self.mostStreams || partial[header.stream] != nil else {
        throw .violation(mechanism, "more than \(Self.mostStreams) messages begun at once")
      }
      message = spare ?? ByteBuffer(capacity: max(body.count * 2, 4096))
      spare = nil
      partial[header.stream] = message
    }
    guard message.count + body.count <= limit else {
      throw .violation(mechanism, "parts that add up to more than \(limit) bytes")
    }
    unsafe message.append(body)
    if header.more { return nil }
    partial[header.stream] = nil
    return message
  }
}
