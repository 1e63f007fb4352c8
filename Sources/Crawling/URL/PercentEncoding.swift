/// Bytes of a URL as `%XX`, and the bytes that a URL doesn't have as they are.
enum PercentEncoding {
  /// The sets of the WHATWG URL standard. Credentials need none: they are never written.
  static let query = ByteSet(" \"#<>'", controls: true)
  static let path = ByteSet(" \"#<>?^`{}", controls: true)
  /// What ends a run of bytes that are copied into a path as they are.
  static let pathRunEnd = path.union("/\\")

  private static let escape = UInt8(ascii: "%")

  @inline(__always) static func append(_ byte: UInt8, to output: inout [UInt8]) {
    output.append(escape)
    output.append(Digits.upperHex(byte >> 4))
    output.append(Digits.upperHex(byte & 15))
  }

  /// The bytes with each `%XX` replaced. A `%` without two digits stays.
  static func decoded(_ bytes: Span<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      if byte == escape, at + 2 < bytes.count, let high = bytes[at + 1].hexValue,
        let low = bytes[at + 2].hexValue
      {
        output.append(high << 4 | low)
        at += 3
      } else {
        output.append(byte)
        at += 1
      }
    }
    return output
  }
}
