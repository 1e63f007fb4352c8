import CLibXML2
package import FoundationEssentials
import Glibc

/// The title and the links of an HTML page, from libxml2's parser, which tolerates errors as browsers do.
package struct HTMLLinks {
  /// Limits that keep one page from filling a channel.
  private static let mostLinks = 20_000
  private static let mostBytes = 4 << 20

  package private(set) var title = ""
  /// Absolute, without fragments, each once, in the order of the page; http and https only.
  package private(set) var links: [String] = []

  /// - Parameter charset: that of the Content-Type header; nil: the page declares it, or it is UTF-8.
  package init(_ html: Data, at url: URL, charset: String?) {
    var hrefs: [String] = []
    var base = url
    unsafe html.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      let options =
        Int32(HTML_PARSE_RECOVER.rawValue) | Int32(HTML_PARSE_NOERROR.rawValue)
        | Int32(HTML_PARSE_NOWARNING.rawValue) | Int32(HTML_PARSE_NONET.rawValue)
      guard
        let document = unsafe htmlReadMemory(
          start.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count), nil, charset, options)
      else { return }
      defer { unsafe xmlFreeDoc(document) }
      unsafe Self.walk(xmlDocGetRootElement(document)) { node, name in
        switch name {
        case "a", "area":
          if let href = unsafe Self.attribute(node, "href") { hrefs.append(href) }
        case "link":
          if let href = unsafe Self.attribute(node, "href"), unsafe Self.leadsToPage(node) {
            hrefs.append(href)
          }
        case "frame", "iframe":
          if let source = unsafe Self.attribute(node, "src") { hrefs.append(source) }
        case "base":
          if let href = unsafe Self.attribute(node, "href"), let resolved = URL(string: href, relativeTo: url)
          {
            base = resolved.absoluteURL
          }
        case "title":
          if title.isEmpty, let content = unsafe xmlNodeGetContent(node) {
            title = unsafe Self.collapsed(String(cString: content))
            unsafe Self.free(content)
          }
        default: break
        }
      }
    }
    resolve(hrefs, base)
  }

  private mutating func resolve(_ hrefs: [String], _ base: URL) {
    if hrefs.isEmpty { return }
    var seen: Set<String> = []
    var total = 0
    // Most links are plain paths, which need the site's root in front, and no parser.
    let root = Self.normalized("/", relativeTo: base).map { $0.dropLast() }
    for href in hrefs {
      let link: String
      if let root, Self.isPlainPath(href) {
        link = root + href
      } else {
        let trimmed = href.trimmed()
        guard !trimmed.hasPrefix("#"), let found = Self.normalized(trimmed, relativeTo: base) else {
          continue
        }
        link = found
      }
      guard seen.insert(link).inserted else { continue }
      total += link.utf8.count
      if links.count >= Self.mostLinks || total > Self.mostBytes { return }
      links.append(link)
    }
  }

  /// Whether a link is an absolute path without escapes, spaces or dot segments.
  private static func isPlainPath(_ href: String) -> Bool {
    var last: UInt8 = 0
    for byte in href.utf8 {
      switch byte {
      case UInt8(ascii: "/") where last != byte: break
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        if last == 0 { return false }
      // A name that begins with a dot may be "." or "..".
      case UInt8(ascii: ".") where last != 0 && last != UInt8(ascii: "/"): break
      default: return false
      }
      last = byte
    }
    return last != 0
  }

  /// The normal form of an address: absolute, without a fragment, with a path.
  package static func normalized(_ text: String, relativeTo base: URL?) -> String? {
    guard let url = URL(string: text, relativeTo: base)?.absoluteURL,
      var parts = URLComponents(url: url, resolvingAgainstBaseURL: true),
      let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https",
      let host = parts.host, !host.isEmpty
    else { return nil }
    parts.scheme = scheme
    parts.host = host.lowercased()
    parts.fragment = nil
    if parts.path.isEmpty { parts.path = "/" }
    if parts.port == (scheme == "http" ? 80 : 443) { parts.port = nil }
    return parts.string
  }

  /// `<link>` also names style sheets, icons and feeds; these relations lead to pages.
  private static func leadsToPage(_ node: xmlNodePtr) -> Bool {
    let pages: Set<String> = [
      "next", "prev", "index", "search", "author", "help", "contents", "copyright", "up", "top", "start",
      "glossary",
    ]
    let relations = unsafe attribute(node, "rel")?.lowercased().split(separator: " ") ?? []
    return relations.contains { pages.contains(String($0)) }
  }

  // xmlFree is a variable, which Swift can't read safely. libxml2's allocator is the default here, so this is free(3).
  private static func free(_ text: UnsafeMutablePointer<xmlChar>) { unsafe Glibc.free(text) }

  private static func attribute(_ node: xmlNodePtr, _ name: String) -> String? {
    guard let value = unsafe xmlGetProp(node, name) else { return nil }
    defer { unsafe free(value) }
    return unsafe String(cString: value)
  }

  /// Every element, in the order of the page. Without recursion: the nesting has no limit.
  private static func walk(_ root: xmlNodePtr?, _ visit: (xmlNodePtr, String) -> Void) {
    var next = unsafe root
    while let node = unsafe next {
      if unsafe node.pointee.type == XML_ELEMENT_NODE, let name = unsafe node.pointee.name {
        unsafe visit(node, String(cString: name).lowercased())
      }
      if let child = unsafe node.pointee.children, unsafe node.pointee.type == XML_ELEMENT_NODE {
        unsafe next = child
        continue
      }
      var up: xmlNodePtr? = unsafe node
      while let here = unsafe up, unsafe here.pointee.next == nil, unsafe here != root {
        unsafe up = here.pointee.parent
      }
      unsafe next = up == root ? nil : up?.pointee.next
    }
  }

  private static func collapsed(_ text: String) -> String {
    String(text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(300))
  }
}
