/// Turns the bytes of a stream, or those of units, into whole messages: a state machine that does no I/O.
///
/// A unit (a packet, a queue message, a slot) contains whole frames. What doesn't end with its unit is refused alone, and
/// the next unit is read. In a stream nothing says where the next frame begins: every further call throws.
///
/// A length over the limit is an error, and memory grows with the bytes that have arrived, never with a length that
/// the other process announces.
final class FrameDecoder {
  private let mechanism: Mechanism
  private let limit: Int
  private let usesLines: Bool
  /// Each read is a unit.
  private let readsUnits: Bool
  private let buffer: ByteBuffer
  private let assembler: FragmentAssembler
  /// The fragmented message that was returned last.
  private var assembled: ByteBuffer?
  /// Whose it is.
  private var assembledFrom: UInt32 = 0
  /// The bytes at the front of the buffer that the message returned last still occupies.
  private var taken = 0
  /// The senders of other messages, whose frames are dropped.
  private var rejected: Set<UInt32> = [] {
    didSet { rejectsAny = !rejected.isEmpty }
  }
  /// Whether any sender's frames are dropped. A stored copy: a message's look at it costs no check.
  private(set) var rejectsAny = false
  /// How many bytes of such senders have come.
  private(set) var rejectedBytes = 0
  private let type: MessageType?
  private static let maximumRejected = 1024
  var rejectedSenders: Int { rejected.count }
  /// How far a search for a newline has come.
  private var scanned = 0

  /// - Parameters:
  ///   - readsUnits: whether each read brings whole frames (``ByteReader/readsUnits``).
  ///   - senders: whose fragments can mix.
  init(
    mechanism: Mechanism, options: ChannelOptions, bufferBytes: Int, readsUnits: Bool = false,
    senders: FragmentSenders = .unknown
  ) {
    self.mechanism = mechanism
    limit = options.maximumMessageBytes
    usesLines = options.framing == .line
    self.readsUnits = readsUnits && !usesLines
    type = options.messageType
    buffer = ByteBuffer(capacity: bufferBytes)
    assembler = FragmentAssembler(mechanism, limit: options.maximumMessageBytes, senders)
  }

  /// Whether the decoder holds nothing but the message returned last.
  var isEmpty: Bool { buffer.count == taken && assembler.isEmpty }

  /// The senders whose messages have begun and not ended.
  var openStreams: Dictionary<UInt32, ByteBuffer>.Keys { assembler.senders }

  /// Room for the next read: at least `count` bytes.
  func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
    release()
    return unsafe buffer.room(count)
  }

  func filled(_ count: Int) { buffer.filled(count) }

  /// The caller has read the message returned last.
  func release() {
    if taken > 0 {
      buffer.dropFirst(taken)
      taken = 0
    }
    if let whole = assembled {
      assembled = nil
      assembler.recycle(whole)
    }
  }

  /// The number in the header of the message returned last; 0 for a line.
  var senderOfLastMessage: UInt32 {
    if assembled != nil { return assembledFrom }
    guard !usesLines, taken >= FrameHeader.size else { return 0 }
    return unsafe FrameHeader(at: buffer.bytes.baseAddress!).stream
  }

  /// The next whole message, readable until the next call; nil if it needs more bytes.
  func next() throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    return unsafe usesLines ? try nextLine() : try nextFrame()
  }

  /// At the end of the stream: a last line that no newline ended. A message that has begun and not ended is dropped:
  /// its sender died.
  /// - Parameter mayBeDeath: whether the end may be a death's (``ByteReader/endMayBeDeath``).
  /// - Throws: `truncatedMessage`, once, instead of such a line.
  func last(_ mayBeDeath: () -> Bool) throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    assembler.dropAll()
    guard usesLines, buffer.count > 0 else {
      buffer.removeAll()
      return nil
    }
    if mayBeDeath() {
      defer { buffer.removeAll() }
      throw .truncated(unsafe Array(buffer.bytes), mechanism)
    }
    taken = buffer.count
    scanned = 0
    return unsafe buffer.bytes
  }

  private func nextLine() throws(ChannelError) -> UnsafeRawBufferPointer? {
    let bytes = unsafe buffer.bytes
    var index = scanned
    while index < bytes.count, unsafe bytes[index] != FrameHeader.newline { index += 1 }
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
    if available >= FrameHeader.size, assembler.isEmpty, !rejectsAny {
      let front = unsafe buffer.front
      let header = unsafe FrameHeader(at: front)
      if header.isWhole, header.count <= limit, header.count <= available - FrameHeader.size {
        taken = FrameHeader.size + header.count
        return unsafe UnsafeRawBufferPointer(start: front + FrameHeader.size, count: header.count)
      }
    }
    return unsafe try nextFragment()
  }

  /// Takes in what a sender says first. A sender of other messages is reported once, and dropped from then on.
  private func greet(_ bytes: Span<UInt8>) throws(ChannelError) {
    guard let hello = Hello(bytes) else {
      if let number = Hello.number(bytes) { reject(number, bytes.count) }
      throw .violation(mechanism, "a malformed hello of \(bytes.count) bytes")
    }
    do throws(ChannelError) {
      try hello.check(type, mechanism)
      if rejectsAny { rejected.remove(hello.number) }
    } catch {
      reject(hello.number, bytes.count)
      throw error
    }
  }

  private func reject(_ number: UInt32, _ count: Int) {
    rejectedBytes += FrameHeader.size + count
    assembler.drop(number)
    // Any of them has probably ended by then.
    if rejected.count >= Self.maximumRejected { rejected.removeFirst() }
    rejected.insert(number)
  }

  @inline(never) private func nextFragment() throws(ChannelError) -> UnsafeRawBufferPointer? {
    while buffer.count >= FrameHeader.size {
      let bytes = unsafe buffer.bytes
      let header = unsafe FrameHeader(at: bytes.baseAddress!)
      guard header.count <= (header.isHello ? Hello.maximumBytes : limit) else {
        throw refused("a fragment of \(header.count) bytes where a message has at most \(limit)")
      }
      guard bytes.count >= FrameHeader.size + header.count else {
        if !readsUnits { return nil }
        throw refused("\(bytes.count - FrameHeader.size) bytes of a frame that has \(header.count)")
      }
      let body = unsafe UnsafeRawBufferPointer(
        rebasing: bytes[FrameHeader.size..<(FrameHeader.size + header.count)])
      if header.isHello {
        defer { buffer.dropFirst(FrameHeader.size + header.count) }
        try greet(unsafe Span<UInt8>(_unsafeBytes: body))
        continue
      }
      if rejectsAny, rejected.contains(header.stream) {
        rejectedBytes += FrameHeader.size + header.count
        buffer.dropFirst(FrameHeader.size + header.count)
        continue
      }
      if header.isWhole {
        assembler.drop(header.stream)
        taken = FrameHeader.size + header.count
        return unsafe body
      }
      let whole: ByteBuffer?
      do throws(ChannelError) {
        whole = unsafe try assembler.add(header, body, from: header.stream)
      } catch {
        if readsUnits {
          assembler.drop(header.stream)
          buffer.removeAll()
        }
        throw error
      }
      buffer.dropFirst(FrameHeader.size + header.count)
      if let whole {
        assembled = whole
        assembledFrom = header.stream
        return unsafe whole.bytes
      }
    }
    if readsUnits, buffer.count > 0 { throw refused("\(buffer.count) bytes without a header") }
    return nil
  }

  /// The error of bytes that are no frame. What is left of their unit is dropped.
  private func refused(_ what: String) -> ChannelError {
    if readsUnits { buffer.removeAll() }
    return .violation(mechanism, what)
  }
}
