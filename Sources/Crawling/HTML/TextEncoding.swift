import SystemCalls

/// A character encoding, as the WHATWG Encoding standard names and reads it. The system's iconv(3) has the tables.
struct TextEncoding: Hashable, Sendable {
  /// The standard's name, such as `windows-1252`.
  let name: String
  /// iconv's name.
  private let system: String

  static let utf8 = TextEncoding(name: "UTF-8", system: "UTF-8")
  static let utf16LE = TextEncoding(name: "UTF-16LE", system: "UTF-16LE")
  static let utf16BE = TextEncoding(name: "UTF-16BE", system: "UTF-16BE")
  static let windows1252 = TextEncoding(name: "windows-1252", system: "CP1252")
  private static let userDefined = TextEncoding(name: "x-user-defined", system: "")
  /// Stands for encodings in which a browser reads nothing, since they have been used to smuggle markup.
  private static let replacement = TextEncoding(name: "replacement", system: "")

  private init(name: String, system: String) {
    self.name = name
    self.system = system
  }

  /// The encoding of a label, as headers and pages have them; nil if the standard doesn't know it.
  init?(label: some StringProtocol) {
    let label = label.trimmed { "\t\n\u{C} \r".unicodeScalars.contains($0) }
    guard let found = Self.labels[label.lowercased()] else { return nil }
    self = found
  }

  /// The encoding that a page means by a label within itself. Read as bytes, it can't be in UTF-16.
  init?(declared label: some StringProtocol) {
    guard let found = TextEncoding(label: label) else { return nil }
    self =
      found == .utf16LE || found == .utf16BE ? .utf8 : found == Self.userDefined ? .windows1252 : found
  }

  /// The encoding whose byte order mark the bytes begin with.
  init?(markOf bytes: [UInt8]) {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      self = .utf8
    } else if bytes.starts(with: [0xFE, 0xFF]) {
      self = .utf16BE
    } else if bytes.starts(with: [0xFF, 0xFE]) {
      self = .utf16LE
    } else {
      return nil
    }
  }

  // MARK: Reading

  private static let replacementCharacter: [UInt8] = [0xEF, 0xBF, 0xBD]

  /// The text of the bytes, as UTF-8 without a byte order mark. What means nothing becomes U+FFFD.
  func decoded(_ bytes: [UInt8]) -> [UInt8] {
    let mark = TextEncoding(markOf: bytes) == self ? (self == .utf8 ? 3 : 2) : 0
    switch self {
    case .utf8:
      if mark == 0, (try? UTF8Span(validating: bytes.span)) != nil { return bytes }
      return Array(String(decoding: bytes[mark...], as: UTF8.self).utf8)
    case .utf16LE, .utf16BE: return Self.decodedUTF16(bytes[mark...], isBigEndian: self == .utf16BE)
    case Self.replacement: return bytes.isEmpty ? [] : Self.replacementCharacter
    case Self.userDefined:
      return bytes.flatMap { byte in
        byte < 0x80 ? [byte] : Array(String(Unicode.Scalar(0xF780 + UInt16(byte - 0x80))!).utf8)
      }
    default: return converted(bytes)
    }
  }

  private static func decodedUTF16(_ bytes: ArraySlice<UInt8>, isBigEndian: Bool) -> [UInt8] {
    var units: [UInt16] = []
    units.reserveCapacity(bytes.count / 2 + 1)
    var index = bytes.startIndex
    while index + 1 < bytes.endIndex {
      let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
      units.append(isBigEndian ? first << 8 | second : second << 8 | first)
      index += 2
    }
    // Half a unit at the end: a surrogate alone means as little.
    if index < bytes.endIndex { units.append(0xD800) }
    return Array(String(decoding: units, as: UTF16.self).utf8)
  }

  private func converted(_ bytes: [UInt8]) -> [UInt8] {
    guard var converter = TextConverter(from: system, to: "UTF-8") else {
      // This system lacks the table. What is ASCII is read.
      return self == .windows1252
        ? bytes.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") } : Self.windows1252.decoded(bytes)
    }
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count + bytes.count / 2)
    var position = 0
    while converter.convert(bytes.span, from: &position, appendingTo: &text) != .end {
      let byte = bytes[position]
      // The encodings of one byte leave some controls out, which the standard has.
      if name.hasPrefix("windows-"), (0x80..<0xA0).contains(byte) {
        text += [0xC2, byte]
      } else {
        text += Self.replacementCharacter
      }
      position += 1
    }
    converter.finish(appendingTo: &text)
    return text
  }

  // MARK: Writing

  /// The text in this encoding, for the query of an address: a character that it doesn't have becomes a reference, with
  /// the escapes that the URL standard wants around it.
  func encodedQuery(_ text: String) -> [UInt8] {
    guard self != .utf8, !system.isEmpty, self != .utf16LE, self != .utf16BE,
      // What is labelled GBK may use all of GB 18030; what is sent back may not.
      var converter = TextConverter(from: "UTF-8", to: name == "GBK" ? name : system)
    else { return Array(text.utf8) }
    let source = Array(text.utf8)
    var bytes: [UInt8] = []
    var position = 0
    while converter.convert(source.span, from: &position, appendingTo: &bytes) != .end {
      // One scalar further: the source is valid.
      var end = position + 1
      while end < source.count, source[end] & 0xC0 == 0x80 { end += 1 }
      let scalar = String(decoding: source[position..<end], as: UTF8.self).unicodeScalars.first
      bytes += Array("%26%23\(scalar?.value ?? 0xFFFD)%3B".utf8)
      position = end
    }
    converter.finish(appendingTo: &bytes)
    return bytes
  }

  // MARK: Labels

  private static let labels: [String: TextEncoding] = {
    var labels: [String: TextEncoding] = [:]
    for (name, system, list) in TextEncodingLabels.all {
      let encoding = TextEncoding(name: name, system: system)
      labels[name.lowercased()] = encoding
      for label in list.split(separator: " ") { labels[String(label)] = encoding }
    }
    return labels
  }()
}
