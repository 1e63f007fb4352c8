import Crawling

/// The first address of a crawl, as a user writes it.
enum CrawlAddress {
  /// - Throws: what is wrong with it, and what to write.
  static func read(_ text: String) throws(Failure) -> PageURL {
    do throws(PageURLError) {
      return try PageURL(parsing: text)
    } catch {
      let shown = "\"\(withoutCredentials(text))\""
      switch error {
      case .noScheme: throw .call(missingScheme(text))
      case .otherScheme where hasPort(text): throw .call(missingScheme(text))
      case .otherScheme:
        throw .call("\(shown) can't be crawled: expected an address that begins with http:// or https://")
      case .noHost: throw .call("\(shown) names no host: expected http://host/path or https://host/path")
      case .invalidHost:
        throw .call("\(shown) has an invalid host: expected a domain or an IP address, IPv6 in brackets")
      case .invalidPort: throw .call("\(shown) has an invalid port: expected a number up to 65535")
      }
    }
  }

  private static func missingScheme(_ text: String) -> String {
    let rest = withoutCredentials(text).drop { $0 == "/" }
    return rest.isEmpty
      ? "an address is empty: expected http://host/path or https://host/path"
      : "\"\(rest)\" has no scheme: write http://\(rest) or https://\(rest)"
  }

  /// Whether what looks like a scheme is a host with a port: `localhost:8000`.
  private static func hasPort(_ text: String) -> Bool {
    text.drop { $0 != ":" }.dropFirst().first?.isNumber == true
  }

  /// A text that isn't an address may still have a password in it: what precedes its last `@` isn't shown, but for the scheme.
  static func withoutCredentials(_ text: String) -> String {
    guard let mark = text.lastIndex(of: "@") else { return text }
    let host = text[text.index(after: mark)...]
    guard let colon = text[..<mark].firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
      return String(host)
    }
    return "\(text[..<colon])://\(host)"
  }
}
