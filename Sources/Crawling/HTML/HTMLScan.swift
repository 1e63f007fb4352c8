import CLibXML2

/// One reading of a page's markup: its title, references, and what it says of its base and encoding.
///
/// libxml2's parser finds the tags, and calls back for each (its SAX interface): no tree is built, so that neither depth nor
/// size matters. Its push interface takes the page in pieces, and says how far it has come. Two things of HTML it doesn't
/// know are added: elements whose content is text, such as a title, are skipped to their end tag; and a parser that is too
/// deep in elements is replaced by a fresh one, since it searches them for each end tag.
struct HTMLScan {
  private(set) var title = ""
  /// The `href` of each `<base>`.
  var bases: [String] { found.bases }
  var links: LinkList { found.links }
  /// The encoding that the page declares, if it has been read in another one that isn't certain.
  var declaredEncoding: TextEncoding? { found.declaredEncoding }
  /// Why the page wasn't read to its end; nil if it was.
  private(set) var failure: String?

  private let found: FoundInPage
  /// How many bytes the parser is given next.
  private var piece = firstPiece

  /// The first and the largest piece: a title or a script that begins in a piece costs reading the rest of it again.
  private static let firstPiece = 512
  private static let largestPiece = 4 << 10
  /// The depth at which a fresh parser takes over.
  private static let deepest = 256
  /// How many parsers read a page at most. Each costs some microseconds.
  private static let mostParsers = 200_000
  /// A tag that is longer than this is looked at before the parser compares its attributes with each other.
  private static let longTag = 32 << 10
  private static let mostAttributes = 5_000
  /// How many pairs of attributes are compared for a page.
  private static let mostComparisons = 500_000_000

  init(_ markup: [UInt8], isXML: Bool, encoding: PageEncoding) {
    found = FoundInPage(isXML: isXML, encoding: encoding)
    var position = 0
    var parsers = 0
    while position < markup.count, failure == nil, found.declaredEncoding == nil {
      parsers += 1
      guard parsers <= Self.mostParsers else {
        failure = "the page has over \(Self.mostParsers) scripts or other elements whose content is text"
        break
      }
      position = read(markup, from: position)
    }
  }

  /// Reads with a fresh parser until the page ends, or another one has to go on.
  /// - Returns: the place from which to go on.
  private mutating func read(_ markup: [UInt8], from start: Int) -> Int {
    guard let parser = unsafe found.makeParser() else {
      failure = "the parser found no memory"
      return markup.count
    }
    defer { unsafe htmlFreeParserCtxt(parser) }
    // A page may begin, and a parser take over, with anything: also with an end tag.
    unsafe Self.feed(Self.beginning[...], to: parser)
    var fed = start
    while fed < markup.count {
      let end = Self.end(of: piece, in: markup, from: fed)
      unsafe Self.feed(markup[fed..<end], to: parser)
      fed = end
      if found.declaredEncoding != nil { return markup.count }
      if found.comparisons > Self.mostComparisons {
        failure = "the page has tags with too many attributes"
        return markup.count
      }
      if let element = found.rawElement {
        found.rawElement = nil
        piece = Self.firstPiece
        return skip(element, in: markup, from: fed - element.bytesLeft)
      }
      let left = unsafe FoundInPage.bytesLeft(parser)
      if left > Self.longTag,
        RawText.attributes(of: markup[(fed - left)..<fed], upTo: Self.mostAttributes) == Self.mostAttributes
      {
        failure = "the page has a tag with over \(Self.mostAttributes) attributes"
        return markup.count
      }
      if left > 0, fed < markup.count, markup[fed - left] == UInt8(ascii: "<") {
        // A tag or a comment whose end is still to come. A parser that has looked for it in vain may look past it then.
        piece *= 2
        return fed - left
      }
      piece = min(piece * 2, Self.largestPiece)
      // Behind </html> the parser reads nothing more.
      let isOver =
        unsafe parser.pointee.instate == XML_PARSER_EOF || parser.pointee.instate == XML_PARSER_EPILOG
      if unsafe isOver || parser.pointee.nameNr > Self.deepest { return fed - left }
    }
    return markup.count
  }

  /// The end of a piece: behind a `>`, where most of what the parser reads ends, or at least between two characters.
  private static func end(of piece: Int, in markup: [UInt8], from start: Int) -> Int {
    var end = min(start + piece, markup.count)
    if end == markup.count { return end }
    if let close = markup[start..<end].lastIndex(of: UInt8(ascii: ">")) { return close + 1 }
    while end < markup.count, markup[end] & 0xC0 == 0x80 { end += 1 }
    return end
  }

  private static let beginning = Array("<html><body>".utf8)

  private static func feed(_ piece: ArraySlice<UInt8>, to parser: htmlParserCtxtPtr) {
    unsafe piece.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      _ = unsafe htmlParseChunk(parser, start.assumingMemoryBound(to: CChar.self), Int32(bytes.count), 0)
    }
  }

  /// Skips the content of an element that is text, and takes the title from it.
  /// - Parameter tag: a place within its start tag, behind its attributes.
  /// - Returns: the place from which to go on.
  private mutating func skip(_ element: FoundInPage.RawElement, in markup: [UInt8], from tag: Int) -> Int {
    guard let close = markup[tag...].firstIndex(of: UInt8(ascii: ">")) else { return markup.count }
    let start = close + 1
    let closesItself = close > 0 && markup[close - 1] == UInt8(ascii: "/")
    if closesItself, found.isXML { return start }
    let end = RawText.end(of: element.name, in: markup, from: start)
    // In SVG an element may close itself, too: it would swallow the rest of the page.
    if closesItself, end == nil { return start }
    let content = markup[start..<(end ?? markup.count)]
    if element.name == "title", title.isEmpty { title = RawText.characters(of: content) }
    return end ?? markup.count
  }
}

/// What the parser's callbacks have found. They get it as a pointer.
@safe final class FoundInPage {
  /// An element whose content is text and no markup.
  struct RawElement {
    let name: String
    /// How many of the bytes that the parser has been given come after its attributes.
    let bytesLeft: Int
  }

  let isXML: Bool
  private let encoding: PageEncoding
  private(set) var bases: [String] = []
  private(set) var links = LinkList()
  private(set) var declaredEncoding: TextEncoding?
  /// Set by the first start tag of such an element. What the parser finds after it counts only once that has been skipped.
  var rawElement: RawElement?
  /// How often the parser has compared two names of attributes, at most.
  private(set) var comparisons = 0

  private var parser: htmlParserCtxtPtr?

  init(isXML: Bool, encoding: PageEncoding) {
    self.isXML = isXML
    self.encoding = encoding
  }

  /// A parser of UTF-8 that calls back to this object. The caller frees it (htmlCreatePushParserCtxt).
  func makeParser() -> htmlParserCtxtPtr? {
    var handler = unsafe htmlSAXHandler()
    unsafe handler.startElement = { context, name, attributes in
      guard let context = unsafe context, let name = unsafe name else { return }
      let found = unsafe Unmanaged<FoundInPage>.fromOpaque(context).takeUnretainedValue()
      unsafe found.take(String(cString: name), TagAttributes(attributes))
    }
    unsafe parser = htmlCreatePushParserCtxt(
      &handler, Unmanaged.passUnretained(self).toOpaque(), nil, 0, nil, XML_CHAR_ENCODING_UTF8)
    guard let parser = unsafe parser else { return nil }
    let options =
      HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NOERROR.rawValue | HTML_PARSE_NOWARNING.rawValue
      | HTML_PARSE_NONET.rawValue | HTML_PARSE_IGNORE_ENC.rawValue
    _ = unsafe htmlCtxtUseOptions(parser, Int32(options))
    return unsafe parser
  }

  /// How many bytes a parser has been given and not yet read.
  static func bytesLeft(_ parser: htmlParserCtxtPtr) -> Int {
    guard let input = unsafe parser.pointee.input, let cur = unsafe input.pointee.cur,
      let end = unsafe input.pointee.end
    else { return 0 }
    return unsafe end - cur
  }

  private func take(_ name: String, _ attributes: TagAttributes) {
    guard rawElement == nil, declaredEncoding == nil else { return }
    let count = attributes.count
    comparisons += count * count / 2
    switch name {
    case "a", "area": links.add(attributes["href"])
    case "link": if Self.leadsToPage(attributes["rel"]) { links.add(attributes["href"]) }
    case "frame": links.add(attributes["src"])
    case "iframe":
      links.add(attributes["src"])
      skipContent(name)
    case "base": if let href = attributes["href"] { bases.append(href) }
    case "meta": takeMeta(attributes)
    case "title", "textarea", "script", "style", "xmp", "noembed", "noframes", "plaintext": skipContent(name)
    default: break
    }
  }

  private func skipContent(_ name: String) {
    guard let parser = unsafe parser else { return }
    rawElement = RawElement(name: name, bytesLeft: unsafe Self.bytesLeft(parser))
  }

  private func takeMeta(_ attributes: TagAttributes) {
    let content = attributes["content"]
    switch attributes["http-equiv"]?.lowercased() {
    case "refresh": links.add(content.flatMap(MetaContent.refreshTarget))
    case "content-type": declare(content.flatMap(MetaContent.charset))
    default: break
    }
    declare(attributes["charset"])
  }

  private func declare(_ label: String?) {
    guard encoding.isTentative, let label, let declared = TextEncoding(declared: label),
      declared != encoding.encoding
    else { return }
    declaredEncoding = declared
  }

  /// `<link>` also names style sheets, icons and feeds; these relations lead to pages.
  private static func leadsToPage(_ relations: String?) -> Bool {
    let pages: Set<String> = [
      "next", "prev", "index", "search", "author", "help", "contents", "copyright", "up", "top", "start",
      "glossary",
    ]
    return (relations ?? "").lowercased().split(whereSeparator: \.isWhitespace).contains {
      pages.contains(String($0))
    }
  }
}

/// The attributes of a tag, as the parser hands them over: names and values in turn, until a name is missing.
@safe private struct TagAttributes {
  private let list: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?

  init(_ list: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?) { unsafe self.list = list }

  var count: Int {
    guard let list = unsafe list else { return 0 }
    var index = 0
    while unsafe list[index] != nil { index += 2 }
    return index / 2
  }

  /// The value of an attribute; empty if it has none.
  subscript(name: String) -> String? {
    guard let list = unsafe list else { return nil }
    var index = 0
    while let found = unsafe list[index] {
      if unsafe String(cString: found) == name {
        return unsafe list[index + 1].map { unsafe String(cString: $0) } ?? ""
      }
      index += 2
    }
    return nil
  }
}

/// The references of a page, those that lead to the same place once, before they are resolved: most pages name most of
/// their links several times.
struct LinkList {
  private(set) var references: [String] = []
  private var seen: Set<Substring> = []

  mutating func add(_ reference: String?) {
    guard let reference else { return }
    let utf8 = reference.utf8
    // The place within the page doesn't matter. Space before it does, and is left to the URL standard.
    let place = utf8.firstIndex(of: UInt8(ascii: "#")) ?? utf8.endIndex
    let page =
      place > utf8.startIndex && utf8[utf8.index(before: place)] <= UInt8(ascii: " ")
      ? Substring(reference) : reference[..<place]
    if seen.insert(page).inserted { references.append(reference) }
  }
}
