/// The eight bytes in front of every part of a message, on every mechanism that carries bytes.
///
/// Little-endian: bytes 0 to 3 are the sender's number (0 where a channel has one sender), bytes 4 to 7 the
/// length of the part that follows, with two flags in the two highest bits. The flags are in the last byte, so
/// that what decides whether a message is whole is also what is written last.
package struct FrameHeader: Hashable {
  package static let size = 8
  private static let moreFlag: UInt64 = 1 << 63
  private static let continuesFlag: UInt64 = 1 << 62
  package static let longestPart = (1 << 30) - 1

  package var stream: UInt32
  package var count: Int
  /// Another part of the same message follows.
  package var more: Bool
  /// A part of this message came before. A part without this flag begins a new message, and throws away what its
  /// sender began before and didn't finish.
  package var continues: Bool

  package init(stream: UInt32, count: Int, continues: Bool = false, more: Bool = false) {
    self.stream = stream
    self.count = count
    self.more = more
    self.continues = continues
  }

  /// Neither a part, nor followed by one.
  @inline(__always) package var isWhole: Bool { !more && !continues }

  package init(_ bits: UInt64) {
    stream = UInt32(truncatingIfNeeded: bits)
    count = Int((bits >> 32) & 0x3FFF_FFFF)
    more = bits & Self.moreFlag != 0
    continues = bits & Self.continuesFlag != 0
  }

  package var bits: UInt64 {
    UInt64(stream) | UInt64(count) << 32 | (more ? Self.moreFlag : 0) | (continues ? Self.continuesFlag : 0)
  }
}
