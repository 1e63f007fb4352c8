/// An `http` or `https` URL in the normal form of the WHATWG URL standard, as browsers read addresses and links.
///
/// Two spellings of one address have the same ``text``. The fragment isn't kept, since a crawl has no use for it.
/// Credentials are kept apart: neither the text nor a description shows them, and they don't count in a comparison.
///
/// Source: <https://url.spec.whatwg.org>
package struct PageURL: Sendable {
  /// The whole address, without credentials and fragment.
  package let text: String
  /// Those of the address itself, never those of its base.
  package let credentials: URLCredentials?
  /// The port to connect to, also where ``text`` leaves it out.
  package let port: Int
  /// Where the parts lie among the bytes of the text.
  private let parts: Parts

  struct Parts: Sendable {
    var hostStart = 0
    var hostEnd = 0
    var pathStart = 0
    /// The index of the `?`, or the text's length.
    var pathEnd = 0
  }

  init(text: String, parts: Parts, port: Int, credentials: URLCredentials?) {
    self.text = text
    self.parts = parts
    self.port = port
    self.credentials = credentials
  }

  /// Reads an absolute URL.
  ///
  /// Returns nil if the text is invalid, or has another scheme than http and https.
  package init?(_ text: String) {
    guard let url = try? PageURL(parsing: text) else { return nil }
    self = url
  }

  /// Reads an absolute URL, or one that is relative to another.
  ///
  /// - Parameters:
  ///   - queryEncoding: the bytes of a query in the encoding of the document that contains the link, asked only for a
  ///     query that isn't ASCII; nil: UTF-8. For a character that the encoding lacks it returns `%26%23NUMBER%3B`.
  package init?(_ text: String, base: PageURL, queryEncoding: ((String) -> [UInt8])? = nil) {
    var parser = URLParser(base: base, queryEncoding: queryEncoding)
    guard let url = try? parser.parse(text.utf8.span) else { return nil }
    self = url
  }

  /// Reads an absolute URL.
  ///
  /// - Throws: what is wrong with the text.
  package init(parsing text: String) throws(PageURLError) {
    var parser = URLParser(base: nil, queryEncoding: nil)
    self = try parser.parse(text.utf8.span)
  }

  package var isSecure: Bool { parts.hostStart == URLParser.securePrefix.utf8.count }
  package var scheme: String { isSecure ? "https" : "http" }
  /// A domain in ASCII, an IPv4 address, or an IPv6 address in brackets.
  package var host: String { part(parts.hostStart..<parts.hostEnd) }
  /// The scheme, the host, and the port unless it is the scheme's own: `http://host:8080`.
  package var origin: String { part(0..<parts.pathStart) }
  /// The host, and the port unless it is the scheme's own, as the header field Host has them.
  package var authority: String { part(parts.hostStart..<parts.pathStart) }
  /// Begins with a slash.
  package var path: String { part(parts.pathStart..<parts.pathEnd) }
  /// What follows the `?`; nil if there is none.
  package var query: String? {
    parts.pathEnd < text.utf8.count ? part((parts.pathEnd + 1)..<text.utf8.count) : nil
  }
  /// The path and the query, as the request line has them.
  package var target: String { part(parts.pathStart..<text.utf8.count) }

  private func part(_ range: Range<Int>) -> String {
    let bytes = text.utf8
    let start = bytes.index(bytes.startIndex, offsetBy: range.lowerBound)
    return String(text[start..<bytes.index(start, offsetBy: range.count)])
  }
}

extension PageURL {
  /// The same address without credentials.
  var anonymous: PageURL {
    credentials == nil ? self : PageURL(text: text, parts: parts, port: port, credentials: nil)
  }

  var layout: Parts { parts }
}

extension PageURL: Hashable {
  package static func == (one: PageURL, other: PageURL) -> Bool { one.text == other.text }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension PageURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { text }
  package var debugDescription: String { text }
  package var customMirror: Mirror { Mirror(self, children: ["text": text]) }
}

/// Why a text isn't a URL that can be fetched.
package enum PageURLError: Error, Hashable, Sendable {
  /// It has no scheme, and there is nothing that it is relative to.
  case noScheme
  /// Its scheme is neither http nor https.
  case otherScheme
  case noHost
  case invalidHost
  case invalidPort
}
