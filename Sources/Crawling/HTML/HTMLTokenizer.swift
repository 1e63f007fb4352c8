import Glibc

/// Finds the tags of a page as the HTML standard tokenizes them ("13.2.5 Tokenization"): where each begins and ends, and where
/// its attributes are. Comments, declarations and elements whose content is text are skipped.
struct HTMLTokenizer: ~Copyable {
  /// A start tag.
  struct Tag {
    /// In lower case.
    let name: String
    /// Those that were asked for, the first of each name; character references aren't read.
    fileprivate(set) var attributes: [(name: String, value: Range<Int>)] = []
    /// The content, if it is text.
    fileprivate(set) var text: Range<Int>?
  }

  /// Elements whose content is text.
  private static let rawElements: Set<String> = [
    "title", "textarea", "script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext",
  ]
  /// Longer names mean nothing here.
  private static let longestName = 16

  private let markup: [UInt8]
  /// Whether elements may close themselves (`<script/>`), as in XHTML.
  private let isXML: Bool
  private var position = 0
  /// How many elements of SVG and MathML are open. In them, elements may close themselves.
  private var foreign = 0

  init(_ markup: [UInt8], isXML: Bool) {
    self.markup = markup
    self.isXML = isXML
  }

  /// The next start tag for which a list of attributes is given, or whose content is text; nil at the end of the page.
  ///
  /// - Parameter interest: the attributes that count, by the element's name.
  mutating func next(_ interest: [String: Set<String>]) -> Tag? {
    while let start = place(of: UInt8(ascii: "<"), from: position) {
      position = start + 1
      guard position < markup.count else { return nil }
      switch markup[position] {
      case UInt8(ascii: "!"): skipDeclaration()
      case UInt8(ascii: "?"): skip(past: UInt8(ascii: ">"))
      case UInt8(ascii: "/"): skipEndTag()
      case let letter where Self.isLetter(letter):
        if let tag = readTag(interest) { return tag }
      default: break
      }
    }
    position = markup.count
    return nil
  }

  // MARK: What isn't a start tag

  private mutating func skipDeclaration() {
    if starts(with: "!--", at: position) { return skipComment() }
    if foreign > 0, starts(with: "![CDATA[", at: position) {
      position = place(of: "]]>", from: position) ?? markup.count
      return
    }
    skip(past: UInt8(ascii: ">"))
  }

  private mutating func skipComment() {
    let start = position + 3
    for short in [">", "->"] where starts(with: short, at: start) {
      position = start + short.utf8.count
      return
    }
    var dashes = start
    while let place = place(of: "--", from: dashes) {
      for end in ["-->", "--!>"] where starts(with: end, at: place) {
        position = place + end.utf8.count
        return
      }
      dashes = place + 1
    }
    position = markup.count
  }

  private mutating func skipEndTag() {
    position += 1
    guard position < markup.count else { return }
    guard Self.isLetter(markup[position]) else { return skip(past: UInt8(ascii: ">")) }
    let name = readName()
    _ = readAttributes(nil)
    if Self.isForeign(name) { foreign = max(0, foreign - 1) }
  }

  private static func isForeign(_ name: String) -> Bool { name == "svg" || name == "math" }

  private mutating func skip(past byte: UInt8) {
    position = place(of: byte, from: position).map { $0 + 1 } ?? markup.count
  }

  // MARK: Start tags

  private mutating func readTag(_ interest: [String: Set<String>]) -> Tag? {
    var tag = Tag(name: readName())
    let names = interest[tag.name]
    guard let found = readAttributes(names) else { return nil }
    let closesItself = found.closesItself && (isXML || foreign > 0)
    tag.attributes = found.attributes
    if Self.isForeign(tag.name), !found.closesItself { foreign += 1 }
    if Self.rawElements.contains(tag.name), !closesItself {
      let end = RawText.end(of: tag.name, in: markup, from: position) ?? markup.count
      tag.text = position..<end
      position = end
      return tag
    }
    return names == nil ? nil : tag
  }

  /// Reads a name up to white space, `/` or `>`. Empty if it is longer than any that counts.
  private mutating func readName() -> String {
    let start = position
    while position < markup.count, !Self.endsName(markup[position]) { position += 1 }
    guard position - start <= Self.longestName else { return "" }
    return lowercased(start..<position)
  }

  /// Reads the attributes and the `>` of a tag. Nil if the page ends before.
  ///
  /// - Parameter names: those that count.
  private mutating func readAttributes(
    _ names: Set<String>?
  ) -> (attributes: [(name: String, value: Range<Int>)], closesItself: Bool)? {
    var attributes: [(name: String, value: Range<Int>)] = []
    var closesItself = false
    while position < markup.count {
      let byte = markup[position]
      if byte == UInt8(ascii: ">") {
        position += 1
        return (attributes, closesItself)
      }
      if byte == UInt8(ascii: "/") || Self.isSpace(byte) {
        closesItself = byte == UInt8(ascii: "/")
        position += 1
        continue
      }
      closesItself = false
      let start = position
      // A name may begin with "=".
      position += 1
      while position < markup.count, markup[position] != UInt8(ascii: "="), !Self.endsName(markup[position]) {
        position += 1
      }
      let end = position
      let value = readValue()
      guard let names, end - start <= Self.longestName else { continue }
      let name = lowercased(start..<end)
      if names.contains(name), !attributes.contains(where: { $0.name == name }) {
        attributes.append((name, value))
      }
    }
    return nil
  }

  /// Reads `= value` behind a name; empty if there is none.
  private mutating func readValue() -> Range<Int> {
    let end = position
    skipSpace()
    guard position < markup.count, markup[position] == UInt8(ascii: "=") else {
      // What follows is the next attribute.
      position = end
      return end..<end
    }
    position += 1
    skipSpace()
    guard position < markup.count else { return position..<position }
    let first = markup[position]
    if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
      let start = position + 1
      guard let close = place(of: first, from: start) else {
        position = markup.count
        return position..<position
      }
      position = close + 1
      return start..<close
    }
    let start = position
    while position < markup.count, markup[position] != UInt8(ascii: ">"), !Self.isSpace(markup[position]) {
      position += 1
    }
    return start..<position
  }

  private mutating func skipSpace() {
    while position < markup.count, Self.isSpace(markup[position]) { position += 1 }
  }

  // MARK: Bytes

  static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) && byte != 0x0B
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func endsName(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/") || isSpace(byte)
  }

  private func lowercased(_ range: Range<Int>) -> String {
    String(
      decoding: markup[range].map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 },
      as: UTF8.self)
  }

  private func starts(with text: String, at place: Int) -> Bool {
    place <= markup.count && markup[place...].starts(with: text.utf8)
  }

  private func place(of text: String, from start: Int) -> Int? {
    guard let first = text.utf8.first else { return start }
    var next = start
    while let found = place(of: first, from: next) {
      if starts(with: text, at: found) { return found }
      next = found + 1
    }
    return nil
  }

  /// memchr(3), which looks at many bytes at a time.
  private func place(of byte: UInt8, from start: Int) -> Int? {
    guard start < markup.count else { return nil }
    return unsafe markup.withUnsafeBytes { bytes in
      let begin = unsafe bytes.baseAddress! + start
      return unsafe memchr(begin, Int32(byte), bytes.count - start).map {
        unsafe UnsafeRawPointer($0) - bytes.baseAddress!
      }
    }
  }
}
