/// The host of a URL: a domain, an IPv4 address in any of its spellings, or an IPv6 address.
enum URLHost {
  /// What neither a domain nor an address may contain.
  private static let forbidden = ByteSet(" #/:<>?@[\\]^|%", controls: true)

  /// Appends a host in normal form.
  static func append(_ text: Span<UInt8>, to output: inout [UInt8]) throws(PageURLError) {
    if text[0] == UInt8(ascii: "[") {
      guard text.count > 1, text[text.count - 1] == UInt8(ascii: "]"),
        let address = IPv6Address(text.extracting(1..<(text.count - 1)))
      else { throw .invalidHost }
      output.append(UInt8(ascii: "["))
      address.append(to: &output)
      output.append(UInt8(ascii: "]"))
      return
    }
    let start = output.count
    if isPlain(text) {
      appendLowercased(text, to: &output)
    } else {
      let decoded = PercentEncoding.decoded(text)
      if isPlain(decoded.span) {
        appendLowercased(decoded.span, to: &output)
      } else {
        guard let domain = String(validating: decoded, as: UTF8.self), let ascii = DomainName.ascii(domain)
        else { throw .invalidHost }
        output += ascii
      }
    }
    for index in start..<output.count where forbidden.contains(output[index]) { throw .invalidHost }
    try replaceNumbers(from: start, of: &output)
  }

  /// Whether it is ASCII without escapes. Such a domain stays as it is, also where a label begins with `xn--` and encodes nothing.
  private static func isPlain(_ text: Span<UInt8>) -> Bool {
    for index in text.indices where text[index] >= 0x80 || text[index] == UInt8(ascii: "%") { return false }
    return true
  }

  private static func appendLowercased(_ text: Span<UInt8>, to output: inout [UInt8]) {
    for index in text.indices { output.append(text[index].lowercased) }
  }

  /// Replaces a host that ends in a number by the IPv4 address that it is.
  private static func replaceNumbers(from start: Int, of output: inout [UInt8]) throws(PageURLError) {
    var end = output.count
    if end > start + 1, output[end - 1] == UInt8(ascii: ".") { end -= 1 }
    var last = end
    while last > start, output[last - 1] != UInt8(ascii: ".") { last -= 1 }
    guard last < end, output[last].isASCIIDigit else { return }
    let number = output[last..<end]
    guard number.allSatisfy(\.isASCIIDigit) || IPv4Address.number(number) != nil else { return }
    guard let address = IPv4Address(output[start..<end]) else { throw .invalidHost }
    output.removeLast(output.count - start)
    address.append(to: &output)
  }
}

/// An IPv4 address, as `inet_aton(3)` reads it: up to four numbers, of which the last fills what the others leave, each decimal,
/// octal (`0177`) or hexadecimal (`0x7f`).
struct IPv4Address {
  private static let mostNumbers = 4
  private let value: UInt32

  /// - Parameter text: without a dot at its end.
  init?(_ text: ArraySlice<UInt8>) {
    var numbers: [UInt64] = []
    for part in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
      guard numbers.count < Self.mostNumbers, let number = Self.number(part) else { return nil }
      numbers.append(number)
    }
    guard let last = numbers.popLast(), numbers.allSatisfy({ $0 <= 255 }),
      last < 1 << UInt64(8 * (Self.mostNumbers - numbers.count))
    else { return nil }
    value = numbers.enumerated().reduce(UInt32(last)) { value, number in
      value | UInt32(number.element) << UInt32(8 * (3 - number.offset))
    }
  }

  /// A number of any size: one that is too large for an address stays too large. Nil: it isn't a number.
  static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
    guard let first = text.first else { return nil }
    var digits = text
    var radix: UInt64 = 10
    if first == UInt8(ascii: "0"), text.count > 1 {
      digits = digits.dropFirst()
      radix = 8
      if digits.first?.lowercased == UInt8(ascii: "x") {
        digits = digits.dropFirst()
        radix = 16
      }
    }
    var value: UInt64 = 0
    for byte in digits {
      guard let digit = byte.hexValue, UInt64(digit) < radix else { return nil }
      value = min(value * radix + UInt64(digit), 1 << 32)
    }
    return value
  }

  func append(to output: inout [UInt8]) {
    for index in 0..<4 {
      if index > 0 { output.append(UInt8(ascii: ".")) }
      Digits.append(value >> UInt32(24 - 8 * index) & 255, to: &output)
    }
  }
}

/// An IPv6 address, without brackets.
struct IPv6Address {
  private static let count = 8
  private let pieces: [UInt16]

  init?(_ text: Span<UInt8>) {
    var pieces: [UInt16] = []
    /// Where "::" stands for zeros, of which there is at least one.
    var gap: Int?
    var at = 0
    if text.count > 0, text[0] == UInt8(ascii: ":") {
      guard text.count > 1, text[1] == UInt8(ascii: ":") else { return nil }
      gap = 0
      at = 2
    }
    while at < text.count {
      guard pieces.count + (gap == nil ? 0 : 1) < Self.count else { return nil }
      if text[at] == UInt8(ascii: ":") {
        guard gap == nil else { return nil }
        gap = pieces.count
        at += 1
        continue
      }
      let start = at
      var value: UInt16 = 0
      while at < text.count, at < start + 4, let digit = text[at].hexValue {
        value = value << 4 | UInt16(digit)
        at += 1
      }
      if at < text.count, text[at] == UInt8(ascii: ".") {
        guard at > start, pieces.count + (gap == nil ? 0 : 1) <= Self.count - 2,
          let pair = Self.embedded(text.extracting(start...))
        else { return nil }
        pieces += [pair.0, pair.1]
        break
      }
      pieces.append(value)
      if at == text.count { break }
      // A colon follows, and something after it.
      guard at > start, text[at] == UInt8(ascii: ":"), at + 1 < text.count else { return nil }
      at += 1
    }
    if let gap {
      pieces.insert(contentsOf: repeatElement(0, count: Self.count - pieces.count), at: gap)
    }
    guard pieces.count == Self.count else { return nil }
    self.pieces = pieces
  }

  /// The two pieces that an IPv4 address at the end stands for. It has four decimal numbers without zeros in front.
  private static func embedded(_ text: Span<UInt8>) -> (UInt16, UInt16)? {
    var value: UInt32 = 0
    var at = 0
    for index in 0..<4 {
      if index > 0 {
        guard at < text.count, text[at] == UInt8(ascii: ".") else { return nil }
        at += 1
      }
      let start = at
      var number: UInt32 = 0
      while at < text.count, text[at].isASCIIDigit {
        if at > start, number == 0 { return nil }
        number = number * 10 + UInt32(text[at] - UInt8(ascii: "0"))
        if number > 255 { return nil }
        at += 1
      }
      if at == start { return nil }
      value = value << 8 | number
    }
    guard at == text.count else { return nil }
    return (UInt16(value >> 16), UInt16(truncatingIfNeeded: value))
  }

  /// Writes "::" for the longest run of zeros, the first of them, if it is longer than one.
  func append(to output: inout [UInt8]) {
    var longest = 0..<0
    var start = 0
    for index in 0...Self.count where index == Self.count || pieces[index] != 0 {
      if index - start > max(longest.count, 1) { longest = start..<index }
      start = index + 1
    }
    var index = 0
    while index < Self.count {
      if index == longest.lowerBound, !longest.isEmpty {
        output.append(UInt8(ascii: ":"))
        if index == 0 { output.append(UInt8(ascii: ":")) }
        index = longest.upperBound
        continue
      }
      Digits.append(UInt32(pieces[index]), radix: 16, to: &output)
      if index < Self.count - 1 { output.append(UInt8(ascii: ":")) }
      index += 1
    }
  }
}
