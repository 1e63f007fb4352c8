/// What a stream still has to get when a message was given up in its middle, so that the receiver finds the next one: zeros
/// for the rest of its bytes, and the rest of a header whose last byte says that the message never ended.
struct AbandonedFrame {
  private var zeros = 0
  private var tail: [UInt8] = []

  var isOwed: Bool { zeros > 0 || !tail.isEmpty }

  init() {}

  /// - Parameters:
  ///   - done: how many bytes of header, message and last part are out.
  ///   - bytes: how many the message has.
  init(from done: Int, first: FrameHeader, bytes: Int, last: FrameHeader) {
    let bodyEnd = FrameHeader.size + bytes
    if done < FrameHeader.size {
      tail = Self.bytes(of: first.bits).suffix(FrameHeader.size - done)
      zeros = bytes
    } else if done < bodyEnd {
      zeros = bodyEnd - done
    } else if done > bodyEnd {
      // Part of the last part is out: end it as one more part that isn't the last.
      var undone = last
      undone.more = true
      tail = Self.bytes(of: undone.bits).suffix(FrameHeader.size - (done - bodyEnd))
    }
  }

  private static func bytes(of bits: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
  }

  /// Pays, as far as `write` takes it. False: it took no more.
  mutating func settle(
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
