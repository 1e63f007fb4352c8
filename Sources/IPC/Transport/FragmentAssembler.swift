/// Whose fragments can mix in a channel, and how a receiver learns that a sender which has begun a message is gone.
package enum FragmentSenders {
  /// One sender at a time sends fragments: where one begins, no other goes on.
  case oneAtATime
  /// Several; a sender that lives is found by its number (``ByteWriter/claim(_:)``).
  case several(_ isAlive: (UInt32) -> Bool)
  /// Several, and nothing says whether one lives.
  case unknown
}

/// Puts the fragments of large messages together, one message per sender at a time. It does no I/O, but for the question
/// whether a sender lives.
///
/// Memory grows with the bytes that have arrived, never with a length that the other process announces. What dead senders
/// have begun is dropped once more than a few messages are begun.
final class FragmentAssembler {
  private static let maximumSenders = 1024
  /// With so many messages begun, the assembler looks for the first time which of their senders live.
  static let fewSenders = 16
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
  private let kind: FragmentSenders
  /// With so many messages begun it looks again: twice as many as lived the last time.
  private var nextLook = fewSenders
  /// Counts fragments.
  private var time = 0

  init(_ mechanism: Mechanism, limit: Int, _ kind: FragmentSenders = .unknown) {
    self.mechanism = mechanism
    self.limit = limit
    self.kind = kind
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
      if begun[sender] == nil { try makeRoom() }
      message = spare ?? ByteBuffer(capacity: max(body.count * 2, Self.firstBufferBytes))
      spare = nil
      begun[sender] = message
    }
    guard message.count + body.count <= limit else {
      throw .violation(mechanism, "fragments that add up to more than \(limit) bytes")
    }
    unsafe message.append(body)
    time &+= 1
    message.lastUse = time
    if header.more { return nil }
    begun[sender] = nil
    return message
  }

  /// A sender begins that has begun nothing: drops what isn't finished any more.
  private func makeRoom() throws(ChannelError) {
    switch kind {
    case .oneAtATime: if !begun.isEmpty { begun = [:] }
    case .several(let isAlive):
      guard begun.count >= nextLook else { return }
      begun = begun.filter { isAlive($0.key) }
      nextLook = min(max(Self.fewSenders, begun.count * 2), Self.maximumSenders)
      guard begun.count < Self.maximumSenders else {
        throw .violation(mechanism, "more than \(Self.maximumSenders) messages begun at once")
      }
    case .unknown:
      guard begun.count >= Self.maximumSenders,
        let oldest = begun.min(by: { $0.value.lastUse < $1.value.lastUse })
      else { return }
      begun[oldest.key] = nil
    }
  }

  /// Keeps a message's memory for the next one: the kernel would hand out a large one page by page each time.
  func recycle(_ message: ByteBuffer) {
    message.removeAll()
    if message.isWorthKeeping { spare = message }
  }
}
