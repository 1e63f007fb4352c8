import SystemCalls

/// The title and the links of an HTML page, read as a browser reads them.
package struct HTMLPage: Sendable {
  /// Limits that keep one page from filling a channel.
  package static let mostLinks = 20_000
  package static let mostLinkBytes = 4 << 20
  private static let longestTitle = 300

  package private(set) var title = ""
  /// Absolute, without fragments, each once, in the order of the page; http and https only.
  package private(set) var links: [String] = []
  /// How many further links the page has, which the limits leave out.
  package private(set) var linksLeftOut = 0

  /// - Parameters:
  ///   - url: the page's address.
  ///   - charset: that of the Content-Type header; nil: the page declares it.
  ///   - isXML: whether elements may close themselves (`<script/>`), as in XHTML.
  package init(_ bytes: [UInt8], at url: PageURL, charset: String? = nil, isXML: Bool = false) {
    var encoding = PageEncoding(of: bytes, charset: charset)
    var markup = encoding.encoding.decoded(bytes)
    var scan = HTMLScan(markup, isXML: isXML, encoding: encoding)
    // A page that declares another encoding than it was read in is read again, once.
    if let declared = scan.declaredEncoding {
      encoding = PageEncoding(declared)
      markup = encoding.encoding.decoded(bytes)
      scan = HTMLScan(markup, isXML: isXML, encoding: encoding)
    }
    title = Self.collapsed(scan.title)
    resolve(scan, url, encoding.encoding)
  }

  private mutating func resolve(_ scan: HTMLScan, _ url: PageURL, _ encoding: TextEncoding) {
    let encode = encoding == .utf8 ? nil : { (text: String) in encoding.encodedQuery(text) }
    let base = scan.bases.lazy.compactMap { PageURL($0, base: url) }.first
    var seen: Set<String> = []
    var total = 0
    for reference in scan.links.references {
      // A place in the page itself.
      if base == nil, reference.isEmpty || reference.utf8.first == UInt8(ascii: "#") { continue }
      guard let link = PageURL(reference, base: base ?? url, queryEncoding: encode)?.text else { continue }
      guard seen.insert(link).inserted else { continue }
      total += link.utf8.count
      if linksLeftOut > 0 || links.count >= Self.mostLinks || total > Self.mostLinkBytes {
        linksLeftOut += 1
      } else {
        links.append(link)
      }
    }
  }

  private static func collapsed(_ text: String) -> String {
    String(text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(longestTitle))
  }
}

/// The encoding in which a page is read, and how sure that is.
struct PageEncoding {
  let encoding: TextEncoding
  /// Whether a declaration within the page outweighs it.
  let isTentative: Bool

  init(_ encoding: TextEncoding, isTentative: Bool = false) {
    self.encoding = encoding
    self.isTentative = isTentative
  }

  /// Decides as a browser does: by the byte order mark, the header, an XML declaration; then the page's own declaration counts.
  /// A page without any is in UTF-8 if it can be, else in windows-1252.
  init(of bytes: [UInt8], charset: String?) {
    if let encoding = TextEncoding(markOf: bytes) ?? charset.flatMap({ TextEncoding(label: $0) })
      ?? Self.xmlDeclaration(bytes)
    {
      self.init(encoding)
      return
    }
    let isUTF8 = (try? UTF8Span(validating: bytes.span)) != nil
    self.init(isUTF8 ? .utf8 : .windows1252, isTentative: true)
  }

  /// The longest beginning in which a browser looks for an XML declaration.
  private static let longestDeclaration = 1024

  /// The encoding of `<?xml version="1.0" encoding="…"?>`.
  private static func xmlDeclaration(_ bytes: [UInt8]) -> TextEncoding? {
    guard bytes.starts(with: "<?xml".utf8) else { return nil }
    let beginning = bytes.prefix(longestDeclaration)
    guard let end = beginning.firstIndex(of: UInt8(ascii: ">")) else { return nil }
    let text = String(decoding: beginning[..<end], as: UTF8.self)
    guard let name = text.firstRange(of: "encoding") else { return nil }
    let value = text[name.upperBound...].drop { $0.isWhitespace }
    guard value.first == "=" else { return nil }
    let quoted = value.dropFirst().drop { $0.isWhitespace }
    guard let quote = quoted.first, quote == "\"" || quote == "'" else { return nil }
    return TextEncoding(declared: quoted.dropFirst().prefix { $0 != quote })
  }
}
