import Glibc

/// The markup of a page, in the form in which libxml2's parser reads it as a browser does.
enum Markup {
  /// Opens a declaration that ends with the next `>`.
  private static let declaration = Array("<?x ".utf8)
  private static let emptyComment = Array("<!---->".utf8)
  private static let replacementCharacter: [UInt8] = [0xEF, 0xBF, 0xBD]

  /// Text in UTF-8 without what the parser takes for something else: zeros, at which it stops; comments that end where they
  /// begin (`<!-->`); and declarations without a name (`<![CDATA[`), which a browser skips up to the next `>`.
  static func prepared(_ text: [UInt8]) -> [UInt8] {
    let declared = replacing(UInt8(ascii: "<"), in: text) { rest in
      switch rest.dropFirst().first {
      case UInt8(ascii: "?"): isLetter(rest.dropFirst(2).first) ? nil : (2, declaration)
      case UInt8(ascii: "!"): exclamation(rest)
      default: nil
      }
    }
    return replacing(0, in: declared) { _ in (1, replacementCharacter) }
  }

  /// What takes the place of the beginning of `<!…`; nil if it may stay.
  private static func exclamation(_ text: ArraySlice<UInt8>) -> (count: Int, replacement: [UInt8])? {
    if text.starts(with: "<!--".utf8) {
      for short in ["<!-->", "<!--->"] where text.starts(with: short.utf8) {
        return (short.utf8.count, emptyComment)
      }
      return nil
    }
    let isDoctype = text.dropFirst(2).prefix(7).elementsEqual("doctype".utf8) { $0 | 0x20 == $1 }
    return isDoctype ? nil : (2, declaration)
  }

  private static func isLetter(_ byte: UInt8?) -> Bool {
    byte.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) } ?? false
  }

  /// - Parameter replacement: for the text from a place of the byte on: how many bytes are replaced, and by which.
  private static func replacing(
    _ byte: UInt8, in text: [UInt8],
    by replacement: (ArraySlice<UInt8>) -> (count: Int, replacement: [UInt8])?
  ) -> [UInt8] {
    var result: [UInt8] = []
    // Up to here the text is in the result.
    var copied = 0
    var index = 0
    while let place = place(of: byte, in: text, from: index) {
      index = place + 1
      guard let found = replacement(text[place...]) else { continue }
      result += text[copied..<place]
      result += found.replacement
      copied = place + found.count
      index = copied
    }
    return copied == 0 ? text : result + text[copied...]
  }

  /// memchr(3), which looks at many bytes at a time.
  private static func place(of byte: UInt8, in text: [UInt8], from start: Int) -> Int? {
    guard start < text.count else { return nil }
    return unsafe text.withUnsafeBytes { bytes in
      let begin = unsafe bytes.baseAddress! + start
      return unsafe memchr(begin, Int32(byte), bytes.count - start).map {
        unsafe UnsafeRawPointer($0) - bytes.baseAddress!
      }
    }
  }
}
