package import Foundation

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
    let charset = type.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
      .first { $0.hasPrefix("charset=") }?.dropFirst(8)
    let found = HTMLLinks(body, at: url, charset: charset.map { $0.trimmingCharacters(in: ["\""]) })
    title = found.title
    links = found.links
  }
}
