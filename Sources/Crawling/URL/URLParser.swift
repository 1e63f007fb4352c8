/// Reads a URL: the basic URL parser of the WHATWG standard, for the schemes http and https.
///
/// It works on UTF-8 and writes the normal form while it reads. What the standard's states do one character at a time it does
/// for runs of bytes: a page of a manual has thousands of links.
struct URLParser {
  static let plainPrefix = "http://"
  static let securePrefix = "https://"
  private static let highestPort = 65535

  private let base: PageURL?
  private let queryEncoding: ((String) -> [UInt8])?
  private var output: [UInt8] = []
  private var parts = PageURL.Parts()
  private var port = 0
  private var credentials: URLCredentials?

  init(base: PageURL?, queryEncoding: ((String) -> [UInt8])?) {
    self.base = base
    self.queryEncoding = queryEncoding
  }

  /// - Throws: what is wrong with the text.
  mutating func parse(_ text: Span<UInt8>) throws(PageURLError) -> PageURL {
    // Spaces and controls around it don't belong to it, and line ends and tabs inside fall away.
    var start = 0
    var end = text.count
    while start < end, text[start] <= 0x20 { start += 1 }
    while end > start, text[end - 1] <= 0x20 { end -= 1 }
    for index in start..<end where Self.isDropped(text[index]) {
      let kept = Array(capacity: end - start) { kept in
        for index in start..<end where !Self.isDropped(text[index]) { kept.append(text[index]) }
      }
      return try read(kept.span)
    }
    return try read(text.extracting(start..<end))
  }

  @inline(__always) private static func isDropped(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
  }

  @inline(__always) private static func isSlash(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
  }

  private mutating func read(_ text: Span<UInt8>) throws(PageURLError) -> PageURL {
    guard let colon = Self.endOfScheme(text) else {
      guard let base else { throw .noScheme }
      return try readRelative(text, 0, base)
    }
    let scheme = text.extracting(..<colon)
    let isSecure = Self.isWord(scheme, "https")
    guard isSecure || Self.isWord(scheme, "http") else { throw .otherScheme }
    let rest = colon + 1
    let hasTwoSlashes =
      rest + 1 < text.count && text[rest] == UInt8(ascii: "/") && text[rest + 1] == UInt8(ascii: "/")
    // "http:page" is relative to a base with the same scheme.
    if let base, base.isSecure == isSecure, !hasTwoSlashes { return try readRelative(text, rest, base) }
    return try readAuthority(text, rest, isSecure: isSecure)
  }

  /// The index of the colon that ends a scheme; nil: the text doesn't begin with one.
  private static func endOfScheme(_ text: Span<UInt8>) -> Int? {
    guard text.count > 0, text[0].isASCIILetter else { return nil }
    for index in text.indices {
      switch text[index] {
      case UInt8(ascii: ":"): return index
      case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): break
      case let byte where byte.isASCIILetter || byte.isASCIIDigit: break
      default: return nil
      }
    }
    return nil
  }

  /// - Parameter word: in lower case.
  private static func isWord(_ text: Span<UInt8>, _ word: String) -> Bool {
    let bytes = word.utf8.span
    guard text.count == bytes.count else { return false }
    for index in text.indices where text[index].lowercased != bytes[index] { return false }
    return true
  }

  // MARK: Relative to a base

  private mutating func readRelative(
    _ text: Span<UInt8>, _ start: Int, _ base: PageURL
  ) throws(PageURLError) -> PageURL {
    guard start < text.count, text[start] != UInt8(ascii: "#") else { return base.anonymous }
    let first = text[start]
    if Self.isSlash(first), start + 1 < text.count, Self.isSlash(text[start + 1]) {
      return try readAuthority(text, start, isSecure: base.isSecure)
    }
    parts = base.layout
    port = base.port
    let whole = base.text.utf8.span
    if first == UInt8(ascii: "?") {
      append(whole.extracting(..<parts.pathEnd), room: text.count)
      readQuery(text, start)
    } else {
      // A path replaces that of the base; without a slash in front, only what follows its last slash.
      var kept = parts.pathStart
      if !Self.isSlash(first) {
        kept = parts.pathEnd - 1
        while whole[kept] != UInt8(ascii: "/") { kept -= 1 }
      }
      append(whole.extracting(..<kept), room: text.count)
      readPath(text, start)
    }
    return finished()
  }

  // MARK: The server

  private mutating func readAuthority(
    _ text: Span<UInt8>, _ start: Int, isSecure: Bool
  ) throws(PageURLError) -> PageURL {
    // However many slashes, and backslashes, there are.
    var start = start
    while start < text.count, Self.isSlash(text[start]) { start += 1 }
    var end = start
    // The last @ counts: the others belong to the credentials.
    var mark: Int?
    scan: while end < text.count {
      switch text[end] {
      case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "#"): break scan
      case UInt8(ascii: "@"): mark = end
      default: break
      }
      end += 1
    }
    if let mark {
      credentials = URLCredentials(text.extracting(start..<mark))
      start = mark + 1
    }
    var hostEnd = start
    var isInBrackets = false
    while hostEnd < end, isInBrackets || text[hostEnd] != UInt8(ascii: ":") {
      if text[hostEnd] == UInt8(ascii: "[") { isInBrackets = true }
      if text[hostEnd] == UInt8(ascii: "]") { isInBrackets = false }
      hostEnd += 1
    }
    guard start < hostEnd else { throw .noHost }

    append((isSecure ? Self.securePrefix : Self.plainPrefix).utf8.span, room: text.count)
    parts.hostStart = output.count
    try URLHost.append(text.extracting(start..<hostEnd), to: &output)
    parts.hostEnd = output.count
    try readPort(text.extracting(min(hostEnd + 1, end)..<end), default: isSecure ? 443 : 80)
    parts.pathStart = output.count
    readPath(text, end)
    return finished()
  }

  private mutating func readPort(_ digits: Span<UInt8>, default standard: Int) throws(PageURLError) {
    port = digits.isEmpty ? standard : 0
    for index in digits.indices {
      guard digits[index].isASCIIDigit else { throw .invalidPort }
      port = port * 10 + Int(digits[index] - UInt8(ascii: "0"))
      if port > Self.highestPort { throw .invalidPort }
    }
    if port == standard { return }
    output.append(UInt8(ascii: ":"))
    Digits.append(UInt32(port), to: &output)
  }

  // MARK: The path and the query

  /// Appends the segments of a path, and what follows it.
  private mutating func readPath(_ text: Span<UInt8>, _ start: Int) {
    var at = start
    if at < text.count, Self.isSlash(text[at]) { at += 1 }
    let runEnd = PercentEncoding.pathRunEnd
    while true {
      let segment = output.count
      output.append(UInt8(ascii: "/"))
      var isLast = true
      while at < text.count {
        let run = at
        while at < text.count, !runEnd.contains(text[at]) { at += 1 }
        append(text.extracting(run..<at), room: 0)
        guard at < text.count else { break }
        let byte = text[at]
        if Self.isSlash(byte) {
          isLast = false
          break
        }
        if byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") { break }
        PercentEncoding.append(byte, to: &output)
        at += 1
      }
      removeDots(of: segment, isLast: isLast)
      if isLast { break }
      at += 1
    }
    parts.pathEnd = output.count
    if at < text.count, text[at] == UInt8(ascii: "?") { readQuery(text, at) }
  }

  /// Removes the last segment if it is `.`, and the one before it too if it is `..`, also where the dots are written `%2e`.
  private mutating func removeDots(of segment: Int, isLast: Bool) {
    var dots = 0
    var at = segment + 1
    while at < output.count {
      if output[at] == UInt8(ascii: ".") {
        at += 1
      } else if at + 2 < output.count, output[at] == UInt8(ascii: "%"), output[at + 1] == UInt8(ascii: "2"),
        output[at + 2].lowercased == UInt8(ascii: "e")
      {
        at += 3
      } else {
        return
      }
      dots += 1
      if dots > 2 { return }
    }
    if dots == 0 { return }
    var kept = segment
    if dots == 2, kept > parts.pathStart {
      repeat { kept -= 1 } while output[kept] != UInt8(ascii: "/")
    }
    output.removeLast(output.count - kept)
    if isLast { output.append(UInt8(ascii: "/")) }
  }

  /// - Parameter start: the index of the `?`.
  private mutating func readQuery(_ text: Span<UInt8>, _ start: Int) {
    output.append(UInt8(ascii: "?"))
    var end = start + 1
    var isASCII = true
    while end < text.count, text[end] != UInt8(ascii: "#") {
      if text[end] >= 0x80 { isASCII = false }
      end += 1
    }
    let query = text.extracting((start + 1)..<end)
    guard !isASCII, let queryEncoding else { return appendQuery(query) }
    let encoded = queryEncoding(String(decoding: query.indices.map { query[$0] }, as: UTF8.self))
    appendQuery(encoded.span)
  }

  private mutating func appendQuery(_ bytes: Span<UInt8>) {
    let runEnd = PercentEncoding.query
    var at = 0
    while at < bytes.count {
      let run = at
      while at < bytes.count, !runEnd.contains(bytes[at]) { at += 1 }
      append(bytes.extracting(run..<at), room: 0)
      if at < bytes.count { PercentEncoding.append(bytes[at], to: &output) }
      at += 1
    }
  }

  // MARK: The result

  /// - Parameter room: how many bytes may follow.
  @inline(__always) private mutating func append(_ bytes: Span<UInt8>, room: Int) {
    if room > 0 { output.reserveCapacity(output.count + bytes.count + room + 1) }
    output.append(addingCapacity: bytes.count) { added in
      for index in bytes.indices { added.append(bytes[index]) }
    }
  }

  private func finished() -> PageURL {
    PageURL(
      text: String(decoding: output, as: UTF8.self), parts: parts, port: port, credentials: credentials)
  }
}
