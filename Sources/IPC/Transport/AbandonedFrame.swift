/// A frame that was begun on a stream and then given up: what the stream still needs so that the receiver finds the
/// next message. That is zeros for the rest of the frame's bytes, and the rest of a header whose last byte says that
/// the message never ended.
struct AbandonedFrame {
  private var zeros = 0
  private var tail: [UInt8] = []

  /// Whether the stream needs no more.
  var isFinished: Bool { zeros == 0 && tail.isEmpty }

  /// No frame.
  init() {}

  /// - Parameters:
  ///   - written: how many bytes of header, message and last fragment the stream has.
  ///   - bytes: how many the message has.
  init(after written: Int, first: FrameHeader, bytes: Int, last: FrameHeader) {
    let bodyEnd = FrameHeader.size + bytes
    if written < FrameHeader.size {
      tail = Self.bytes(of: first.bits).suffix(FrameHeader.size - written)
      zeros = bytes
    } else if written < bodyEnd {
      zeros = bodyEnd - written
    } else if written > bodyEnd {
      // The stream has a piece of the last fragment's header: make it a fragment that isn't the last.
      var undone = last
      undone.more = true
      tail = Self.bytes(of: undone.bits).suffix(FrameHeader.size - (written - bodyEnd))
    }
  }

  private static func bytes(of bits: UInt64) -> [UInt8] {
    (0..<FrameHeader.size).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
  }

  /// Writes the missing bytes, as far as `write` takes them.
  /// - Returns: false if `write` took no more.
  mutating func finish(
    _ write: (UnsafeRawBufferPointer) throws(ChannelError) -> Int
  ) throws(ChannelError) -> Bool {
    while !tail.isEmpty {
      let count = unsafe try tail.span.withUnsafeBytes { bytes throws(ChannelError) in unsafe try write(bytes)
      }
      if count == 0 { return false }
      tail.removeFirst(count)
    }
    let empty = [UInt8](repeating: 0, count: min(zeros, 1 << 16))
    while zeros > 0 {
      let most = min(zeros, empty.count)
      let count = unsafe try empty.span.withUnsafeBytes { bytes throws(ChannelError) in
        unsafe try write(UnsafeRawBufferPointer(rebasing: bytes[..<most]))
      }
      if count == 0 { return false }
      zeros -= count
    }
    return true
  }
}
