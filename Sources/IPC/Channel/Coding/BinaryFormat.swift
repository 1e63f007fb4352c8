/// The binary coding of `Codable` values, byte by byte; `Framing.md` describes it. A value is a tag and what the tag says.
/// After a list or an object that is the whole message comes a table with the texts of all keys.
enum BinaryFormat {
  /// Containers in containers, at most: as many as `JSONDecoder` allows.
  static let deepest = 512
  /// Up to so many keys, looking at each is faster than hashing.
  static let linearSearch = 12
  /// A list's or an object's tag, and its length in one byte.
  static let containerHead = 2

  /// The tags from 0x80; a smaller one is the integer itself.
  enum Tag {
    static let null: UInt8 = 0x80
    static let no: UInt8 = 0x81
    static let yes: UInt8 = 0x82
    /// A varint follows: the number, from 128.
    static let positive: UInt8 = 0x83
    /// A varint follows: the number's complement, from 0 for -1.
    static let negative: UInt8 = 0x84
    /// Four bytes follow.
    static let float: UInt8 = 0x85
    /// Eight bytes follow.
    static let double: UInt8 = 0x86
    /// A varint follows, the number of bytes, and that many of UTF-8.
    static let text: UInt8 = 0x87
    /// A list of bytes: a varint follows, and that many bytes.
    static let bytes: UInt8 = 0x88
    /// A varint follows, the number of bytes, and that many of values.
    static let list: UInt8 = 0x89
    /// A varint follows, the number of bytes, and that many of entries: each the key's number, a varint, and a value.
    static let object: UInt8 = 0x8A
    /// A text of 0 to 31 bytes: the number is in the tag's lower bits.
    static let shortText: UInt8 = 0xA0
    static let shortTextMask: UInt8 = 0x1F
  }
}

extension [UInt8] {
  /// Seven bits in a byte, the lowest first; the highest bit says that more follow.
  mutating func append(varint value: some FixedWidthInteger & UnsignedInteger) {
    var rest = value
    while rest > 0x7F {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func append(binary value: some FixedWidthInteger) {
    if value >= 0, value < 0x80 { return append(UInt8(truncatingIfNeeded: value)) }
    append(value < 0 ? BinaryFormat.Tag.negative : BinaryFormat.Tag.positive)
    let bits = value < 0 ? ~value : value
    if bits.bitWidth <= 64 {
      append(varint: UInt64(truncatingIfNeeded: bits))
    } else {
      append(varint: UInt128(bits))
    }
  }

  mutating func append(binary value: Bool) { append(value ? BinaryFormat.Tag.yes : BinaryFormat.Tag.no) }

  mutating func append(binary value: Float) {
    append(BinaryFormat.Tag.float)
    unsafe Swift.withUnsafeBytes(of: value.bitPattern.littleEndian) { unsafe append(contentsOf: $0) }
  }

  mutating func append(binary value: Double) {
    append(BinaryFormat.Tag.double)
    unsafe Swift.withUnsafeBytes(of: value.bitPattern.littleEndian) { unsafe append(contentsOf: $0) }
  }

  mutating func append(binary value: String) {
    let count = value.utf8.count
    if count <= Int(BinaryFormat.Tag.shortTextMask) {
      append(BinaryFormat.Tag.shortText | UInt8(count))
    } else {
      append(BinaryFormat.Tag.text)
      append(varint: UInt(count))
    }
    append(contentsOf: value.utf8)
  }
}

/// A key of a coding path: the text or the index of one.
struct BinaryKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(stringValue: String) {
    self.stringValue = stringValue
    intValue = nil
  }
  init(intValue: Int) {
    stringValue = "Index \(intValue)"
    self.intValue = intValue
  }
}
