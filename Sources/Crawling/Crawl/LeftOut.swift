/// What a crawl has not listed or not read to its end, so that nothing is left out in silence.
package struct LeftOut: Sendable, Hashable, Codable {
  /// Counting stops at this many addresses, whose hashes take memory.
  package static let mostCounted = 1_000_000

  /// How many addresses the limit of pages left out, at most ``mostCounted``. Which ones depends on the order in which pages
  /// were fetched.
  package var pages = 0
  /// How many links are left out of pages with too many.
  package var links = 0
  /// How many pages have too many links.
  package var pagesOfLinks = 0
  /// How many pages were read in part: cut by their server, too large, or too costly to read.
  package var cutPages = 0
  /// The address of a page that was read in part, and why.
  package var firstCut: String?
  /// How many redirects weren't followed because others had led to them, in a row that is too long.
  package var redirects = 0

  package init() {}

  mutating func add(_ page: CrawlPage, of url: String) {
    if page.linksLeftOut > 0 {
      links += Int(page.linksLeftOut)
      pagesOfLinks += 1
    }
    if page.isCut {
      cutPages += 1
      firstCut = firstCut ?? "\(url): \(page.failure)"
    }
  }

  package var isEmpty: Bool { self == LeftOut() }

  package enum CodingKeys: String, CodingKey {
    case pages, links
    case pagesOfLinks = "pages_of_links"
    case cutPages = "cut_pages"
    case firstCut = "first_cut"
    case redirects
  }
}

/// A first address that led to another site, which is crawled too.
package struct Move: Sendable, Hashable, Codable {
  package let from: String
  package let to: String

  package init(from: String, to: String) {
    self.from = from
    self.to = to
  }
}
