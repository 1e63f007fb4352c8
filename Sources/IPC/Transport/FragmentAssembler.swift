/// Puts the fragments of large messages together, one message per sender at a time. It does no I/O.
///
/// Memory grows with the bytes that have arrived, never with a length that the other process announces.
final class FragmentAssembler {
  private static let maximumSenders = 1024
  private static let firstBufferBytes = 4096

  private let mechanism: Mechanism
  private let limit: Int
  /// Messages that have begun and not ended, by sender.
  private var begun: [UInt32: ByteBuffer] = [:] {
    didSet { isEmpty = begun.isEmpty }
  }
  /// Whether no message has begun. A stored copy: a look at it costs no check.
  private(set) var isEmpty = true
  /// Memory for the next message.
  private var spare: ByteBuffer?

  init(_ mechanism: Mechanism, limit: Int) {
    self.mechanism = mechanism
    self.limit = limit
  }

  /// The senders whose messages have begun and not ended.
  var senders: Dictionary<UInt32, ByteBuffer>.Keys { begun.keys }

  /// Drops what a sender has begun: it sends something else.
  @inline(__always) func drop(_ sender: UInt32) { if !isEmpty { begun[sender] = nil } }

  /// Drops everything: no more fragments come.
  func dropAll() { begun = [:] }

  /// Adds a fragment to its sender's message.
  /// - Returns: the message if this was its last fragment. Give it back with ``recycle(_:)``.
  func add(
    _ header: FrameHeader, _ body: UnsafeRawBufferPointer, from sender: UInt32
  ) throws(ChannelError) -> ByteBuffer? {
    let message: ByteBuffer
    if header.continues {
      // The beginning was dropped, or went to a receiver that died: skip to the next beginning.
      guard let found = begun[sender] else { return nil }
      message = found
    } else {
      guard begun.count < Self.maximumSenders || begun[sender] != nil else {
        throw .violation(mechanism, "more than \(Self.maximumSenders) messages begun at once")
      }
      message = spare ?? ByteBuffer(capacity: max(body.count * 2, Self.firstBufferBytes))
      spare = nil
      begun[sender] = message
    }
    guard message.count + body.count <= limit else {
      throw .violation(mechanism, "fragments that add up to more than \(limit) bytes")
    }
    unsafe message.append(body)
    if header.more { return nil }
    begun[sender] = nil
    return message
  }

  /// Keeps a message's memory for the next one: the kernel would hand out a large one page by page each time.
  func recycle(_ message: ByteBuffer) {
    message.removeAll()
    if message.isWorthKeeping { spare = message }
  }
}
