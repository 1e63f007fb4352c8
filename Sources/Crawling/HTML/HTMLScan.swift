import CLibXML2

/// One reading of a page's markup: its title, references, and what it says of its base and encoding.
///
/// ``HTMLTokenizer`` finds the tags, wherever and however deep they are. Those that count are handed to libxml2's parser, with
/// the attributes that count, which reads the character references in them and calls back for each (its SAX interface): no
/// tree is built.
struct HTMLScan {
  private(set) var title = ""
  /// The `href` of each `<base>`.
  var bases: [String] { found.bases }
  var links: LinkList { found.links }
  /// The encoding that the page declares, if it has been read in another one that isn't certain.
  var declaredEncoding: TextEncoding? { found.declaredEncoding }

  private let found: FoundInPage

  /// The tags that count, with their attributes.
  private static let interest: [String: Set<String>] = [
    "a": ["href"], "area": ["href"], "base": ["href"], "frame": ["src"], "iframe": ["src"],
    "link": ["href", "rel"], "meta": ["charset", "content", "http-equiv"],
  ]
  /// As many bytes of tags are handed over at once, at least.
  private static let batch = 64 << 10

  init(_ markup: [UInt8], isXML: Bool, encoding: PageEncoding) {
    found = FoundInPage(encoding)
    var tokenizer = HTMLTokenizer(markup, isXML: isXML)
    var tags: [UInt8] = []
    while let tag = tokenizer.next(Self.interest), found.declaredEncoding == nil {
      if tag.name == "title", title.isEmpty, let text = tag.text {
        title = RawText.characters(of: markup[text])
      }
      guard !tag.attributes.isEmpty else { continue }
      Self.append(tag, of: markup, to: &tags)
      // A page is read again when it declares another encoding: better soon.
      guard tags.count >= Self.batch || tag.name == "meta" && encoding.isTentative && !found.hasDeclared
      else { continue }
      found.read(tags)
      tags.removeAll(keepingCapacity: true)
    }
    found.read(tags)
  }

  /// Writes a tag in a form that every parser reads alike.
  private static func append(_ tag: HTMLTokenizer.Tag, of markup: [UInt8], to tags: inout [UInt8]) {
    tags += "<\(tag.name)".utf8
    for (name, value) in tag.attributes {
      tags += " \(name)=\"".utf8
      for byte in markup[value] {
        switch byte {
        case UInt8(ascii: "\""): tags += "&#34;".utf8
        // At which the parser would stop.
        case 0: tags += "\u{FFFD}".utf8
        default: tags.append(byte)
        }
      }
      tags.append(UInt8(ascii: "\""))
    }
    tags.append(UInt8(ascii: ">"))
    // The others have no content, or are closed by the next.
    if tag.name == "iframe" { tags += "</iframe>".utf8 }
  }
}

/// What the parser's callbacks have found. They get it as a pointer.
private final class FoundInPage {
  private let encoding: PageEncoding
  /// Whether the page has declared an encoding, of which the first counts.
  private(set) var hasDeclared = false
  private(set) var bases: [String] = []
  private(set) var links = LinkList()
  private(set) var declaredEncoding: TextEncoding?

  init(_ encoding: PageEncoding) { self.encoding = encoding }

  /// Reads tags, with a parser of their own (htmlCreatePushParserCtxt).
  func read(_ tags: [UInt8]) {
    if tags.isEmpty { return }
    var handler = unsafe htmlSAXHandler()
    unsafe handler.startElement = { context, name, attributes in
      guard let context = unsafe context, let name = unsafe name else { return }
      let found = unsafe Unmanaged<FoundInPage>.fromOpaque(context).takeUnretainedValue()
      unsafe found.take(String(cString: name), TagAttributes(attributes))
    }
    unsafe HTMLParser.read(tags, &handler, Unmanaged.passUnretained(self).toOpaque())
  }

  private func take(_ name: String, _ attributes: TagAttributes) {
    switch name {
    case "a", "area": links.add(attributes["href"])
    case "link": if Self.leadsToPage(attributes["rel"]) { links.add(attributes["href"]) }
    case "frame", "iframe": links.add(attributes["src"])
    case "base": if let href = attributes["href"] { bases.append(href) }
    case "meta": takeMeta(attributes)
    default: break
    }
  }

  private func takeMeta(_ attributes: TagAttributes) {
    let content = attributes["content"]
    declare(attributes["charset"])
    switch attributes["http-equiv"]?.lowercased() {
    case "refresh": links.add(content.flatMap(MetaContent.refreshTarget))
    case "content-type": declare(content.flatMap(MetaContent.charset))
    default: break
    }
  }

  private func declare(_ label: String?) {
    guard encoding.isTentative, !hasDeclared, let label, let declared = TextEncoding(declared: label) else {
      return
    }
    hasDeclared = true
    if declared != encoding.encoding { declaredEncoding = declared }
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

/// libxml2's parser of HTML.
enum HTMLParser {
  /// Reads markup in UTF-8 as a whole, and calls back (htmlParseChunk). Without memory it reads nothing.
  static func read(_ markup: [UInt8], _ handler: inout htmlSAXHandler, _ context: UnsafeMutableRawPointer) {
    guard
      let parser = unsafe htmlCreatePushParserCtxt(&handler, context, nil, 0, nil, XML_CHAR_ENCODING_UTF8)
    else { return }
    defer { unsafe htmlFreeParserCtxt(parser) }
    let options =
      HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NOERROR.rawValue | HTML_PARSE_NOWARNING.rawValue
      | HTML_PARSE_NONET.rawValue | HTML_PARSE_IGNORE_ENC.rawValue
    _ = unsafe htmlCtxtUseOptions(parser, Int32(options))
    unsafe markup.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      _ = unsafe htmlParseChunk(parser, start.assumingMemoryBound(to: CChar.self), Int32(bytes.count), 1)
    }
  }
}

/// The attributes of a tag, as the parser hands them over: names and values in turn, until a name is missing.
@safe private struct TagAttributes {
  private let list: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?

  init(_ list: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?) { unsafe self.list = list }

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
