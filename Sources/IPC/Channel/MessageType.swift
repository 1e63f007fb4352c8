/// What a channel's messages are, as its two ends compare it when they meet.
package struct MessageType: Hashable, Sendable {
  /// A hash of coding, size and name.
  package let fingerprint: UInt64
  /// What an error calls the type.
  package let name: String

  /// The most bytes of a name that travels; the fingerprint is of the whole name.
  package static let longestName = 200

  /// FNV-1a of the coding's name, the size, and the type's name, with a zero byte between them.
  package init(coding: String, size: Int, name: String) {
    let text = Array("\(coding)\0\(size)\0\(name)".utf8)
    fingerprint = text.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
    self.name = Self.readable(name)
  }

  /// A type as another process describes it.
  package init(fingerprint: UInt64, name: String) {
    self.fingerprint = fingerprint
    self.name = Self.readable(name)
  }

  /// Without what a terminal or a line of text would take for more than a character, and of a bounded length.
  private static func readable(_ name: String) -> String {
    var text = ""
    for scalar in name.unicodeScalars {
      let fits = text.utf8.count + String(scalar).utf8.count <= longestName
      guard fits else { break }
      text.unicodeScalars.append(isReadable(scalar) ? scalar : "?")
    }
    return text
  }

  private static func isReadable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }

  package static func == (one: MessageType, other: MessageType) -> Bool {
    one.fingerprint == other.fingerprint
  }
  package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

  // MARK: As text

  /// `8c1f0a52b7e3d914 Job`, as a registry entry has it.
  package var text: String { String(fingerprint, radix: 16) + " " + name }

  /// `8c1f0a52b7e3d914:Job`, as an environment has it: percent-encoded, without spaces.
  package var word: String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in name.utf8 {
      if byte > 32, byte < 127, byte != UInt8(ascii: "%") {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(fingerprint, radix: 16) + ":" + String(decoding: bytes, as: UTF8.self)
  }

  /// Reads ``word``; nil if it is something else.
  package init?(word: some StringProtocol) {
    guard let colon = word.firstIndex(of: ":"), let fingerprint = UInt64(word[..<colon], radix: 16) else {
      return nil
    }
    var bytes: [UInt8] = []
    var rest = word[word.index(after: colon)...].utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"),
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    self.init(fingerprint: fingerprint, name: String(decoding: bytes, as: UTF8.self))
  }

  /// Reads ``text``; nil if it is something else.
  package init?(text: some StringProtocol) {
    // Not by characters: a name may begin with a scalar that would combine with the space.
    let scalars = String(text).unicodeScalars
    let space = scalars.firstIndex(of: " ") ?? scalars.endIndex
    let name = String(scalars[space...].dropFirst())
    // A name is never empty; a line that was cut off may have none.
    guard let fingerprint = UInt64(String(scalars[..<space]), radix: 16), !name.isEmpty else { return nil }
    self.init(fingerprint: fingerprint, name: name)
  }
}
