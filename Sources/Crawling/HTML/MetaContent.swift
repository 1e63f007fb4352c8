/// What the `content` of a `<meta http-equiv>` says, as the HTML standard reads it.
enum MetaContent {
  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
      || byte == UInt8(ascii: "\r") || byte == 0x0C
  }

  /// The encoding's label in `text/html; charset=utf-8`.
  static func charset(_ content: String) -> String? {
    let bytes = Array(content.utf8)
    let name = Array("charset".utf8)
    var start = 0
    while start + name.count <= bytes.count {
      guard bytes[start..<(start + name.count)].elementsEqual(name, by: { $0 | 0x20 == $1 }) else {
        start += 1
        continue
      }
      start += name.count
      var rest = bytes[start...].drop(while: isSpace)
      guard rest.first == UInt8(ascii: "=") else { continue }
      rest = rest.dropFirst().drop(while: isSpace)
      guard let first = rest.first else { return nil }
      if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
        guard let end = rest.dropFirst().firstIndex(of: first) else { return nil }
        return String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
      }
      return String(decoding: rest.prefix { !isSpace($0) && $0 != UInt8(ascii: ";") }, as: UTF8.self)
    }
    return nil
  }

  /// The address in `5; url=next.html`; nil if the page only loads itself again.
  static func refreshTarget(_ content: String) -> String? {
    var rest = Array(content.utf8)[...].drop(while: isSpace)
    let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    guard !digits.isEmpty || rest.first == UInt8(ascii: ".") else { return nil }
    rest = rest.dropFirst(digits.count).drop {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
    }
    let isSeparator = { (byte: UInt8) in byte == UInt8(ascii: ";") || byte == UInt8(ascii: ",") }
    guard let separator = rest.first, isSeparator(separator) || isSpace(separator) else { return nil }
    rest = rest.drop(while: isSpace)
    if let first = rest.first, isSeparator(first) { rest = rest.dropFirst() }
    rest = rest.drop(while: isSpace)
    let target = withoutName(rest)
    return target.isEmpty ? nil : String(decoding: target, as: UTF8.self)
  }

  /// Without `url=` and quotes.
  private static func withoutName(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var rest = text
    if text.prefix(3).elementsEqual("url".utf8, by: { $0 | 0x20 == $1 }) {
      let value = text.dropFirst(3).drop(while: isSpace)
      // A path that begins with these letters.
      guard value.first == UInt8(ascii: "=") else { return text }
      rest = value.dropFirst().drop(while: isSpace)
    }
    guard let quote = rest.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
      return rest
    }
    return rest.dropFirst().prefix { $0 != quote }
  }
}
