package import FoundationEssentials

extension CrawlPage {
  /// Reads the title and the links of a response, whose status is set already.
  package mutating func read(_ body: Data, at url: URL, location: String?, type contentType: String?) {
    if (300..<400).contains(status), let location {
      isRedirect = true
      links = HTMLLinks.normalized(location, relativeTo: url).map { [$0] } ?? []
      return
    }
    let type = contentType?.lowercased() ?? "text/html"
    guard type.contains("html") else { return }
    isHTML = true
    let charset = type.split(separator: ";").map { $0.trimmed() }
      .first { $0.hasPrefix("charset=") }?.dropFirst(8)
    let found = HTMLLinks(body, at: url, charset: charset.map { $0.trimmed { $0 == "\"" } })
    title = found.title
    links = found.links
  }
}

extension StringProtocol {
  /// Without the scalars at both ends that are white space, or what else `isCut` says.
  func trimmed(_ isCut: (Unicode.Scalar) -> Bool = \.properties.isWhitespace) -> String {
    var rest = Substring(self).unicodeScalars
    while let first = rest.first, isCut(first) { rest.removeFirst() }
    while let last = rest.last, isCut(last) { rest.removeLast() }
    return String(rest)
  }
}
