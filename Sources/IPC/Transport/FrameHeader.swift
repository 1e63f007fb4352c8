/// The eight bytes before every frame, on every mechanism that carries bytes.
///
/// Little-endian: bytes 0 to 3 hold the sender's number (0 where a channel has one sender), bytes 4 to 7 the length of
/// the bytes that follow, with two flags in the two highest bits. The flags are in the last byte, so that the byte that
/// decides whether a message is whole is also the byte that is written last.
package struct FrameHeader: Hashable {
  package static let size = 8
  /// What ends a message instead of a header under `?framing=line`.
  static let newline = UInt8(ascii: "\n")
  /// The sender's number in the header of a ``Hello``. Those of senders are 0, or 2 and more.
  static let helloStream: UInt32 = 1
  /// Whether this is a ``Hello``'s: a last fragment without a beginning, which a program that doesn't know it ignores.
  var isHello: Bool { stream == Self.helloStream && continues && !more }
  private static let moreFlag: UInt64 = 1 << 63
  private static let continuesFlag: UInt64 = 1 << 62
  /// The largest length that the 30 bits hold.
  static let maximumCount = (1 << 30) - 1

  var stream: UInt32
  var count: Int
  /// Another fragment of the same message follows.
  var more: Bool
  /// An earlier fragment of this message came before. A fragment without this flag begins a new message; what its
  /// sender began before and didn't finish is dropped.
  var continues: Bool

  init(stream: UInt32, count: Int, continues: Bool = false, more: Bool = false) {
    self.stream = stream
    self.count = count
    self.more = more
    self.continues = continues
  }

  /// Whether the frame is a message of its own and no fragment.
  @inline(__always) var isWhole: Bool { !more && !continues }

  init(_ bits: UInt64) {
    stream = UInt32(truncatingIfNeeded: bits)
    count = Int((bits >> 32) & 0x3FFF_FFFF)
    more = bits & Self.moreFlag != 0
    continues = bits & Self.continuesFlag != 0
  }

  /// The header at the start of `bytes`, which hold at least ``size`` bytes.
  @inline(__always) init(at bytes: UnsafeRawPointer) {
    self.init(UInt64(littleEndian: unsafe bytes.loadUnaligned(as: UInt64.self)))
  }

  var bits: UInt64 {
    UInt64(stream) | UInt64(count) << 32 | (more ? Self.moreFlag : 0) | (continues ? Self.continuesFlag : 0)
  }

  /// Writes the header to `memory`.
  @inline(__always) func store(at memory: UnsafeMutableRawPointer) {
    unsafe memory.storeBytes(of: bits.littleEndian, as: UInt64.self)
  }
}
