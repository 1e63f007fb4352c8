/// Bytes as ASCII text has them.
extension UInt8 {
  @inline(__always) var isASCIIDigit: Bool { self &- UInt8(ascii: "0") < 10 }

  @inline(__always) var isASCIILetter: Bool { (self | 0x20) &- UInt8(ascii: "a") < 26 }

  /// With A to Z as a to z.
  @inline(__always) var lowercased: UInt8 { self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self }

  /// The value of a hexadecimal digit; nil: it isn't one.
  @inline(__always) var hexValue: UInt8? {
    if isASCIIDigit { return self &- UInt8(ascii: "0") }
    let letter = (self | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? letter + 10 : nil
  }
}

/// Digits of numbers, as bytes.
enum Digits {
  /// - Parameter value: less than 16.
  @inline(__always) static func upperHex(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  static func append(_ value: UInt32, radix: Int = 10, to output: inout [UInt8]) {
    output.append(contentsOf: String(value, radix: radix).utf8)
  }
}

/// A set of bytes. Those that aren't ASCII are in all of them.
struct ByteSet {
  private var low: UInt64 = 0
  private var high: UInt64 = 0

  /// - Parameter text: its members among ASCII; C0 controls and DEL are members too if `controls` is true.
  init(_ text: String, controls: Bool) {
    for byte in text.utf8 { insert(byte) }
    if controls {
      for byte in UInt8(0)..<0x20 { insert(byte) }
      insert(0x7F)
    }
  }

  private mutating func insert(_ byte: UInt8) {
    if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte & 63) }
  }

  func union(_ text: String) -> ByteSet {
    var result = self
    for byte in text.utf8 { result.insert(byte) }
    return result
  }

  @inline(__always) func contains(_ byte: UInt8) -> Bool {
    if byte >= 128 { return true }
    return (byte < 64 ? low : high) &>> UInt64(byte & 63) & 1 != 0
  }
}
