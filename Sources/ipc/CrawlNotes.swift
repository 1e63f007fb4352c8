import Crawling
import Measurement

/// What a crawl has to say besides its figures: what it left out, where its first addresses led, and what wasn't compared.
struct CrawlNotes {
  private let leftOut: LeftOut
  private let moves: [Move]
  private let limit: Int
  /// The only mechanism of a crawl of a real site; nil if several are compared.
  private let onlyMechanism: String?
  /// How many pages of a real site failed, of how many, and the first of them; nil if none did.
  private let failed: (count: Int, all: Int, first: PageRecord)?

  init(_ options: CrawlOptions, _ outcome: CrawlSession.Outcome) {
    leftOut = outcome.leftOut
    moves = outcome.moves
    limit = options.plan.limit
    onlyMechanism = options.onlyMechanism
    let pages = options.plan.work == .web ? outcome.pages : []
    failed = pages.first(where: \.hasFailed).map { first in
      (pages.count(where: \.hasFailed), pages.count, first)
    }
  }

  /// What isn't in the results, or is there without having been asked for; nil if there is nothing of the kind.
  var warning: String? {
    var parts = moves.map(Self.sentence)
    if let failed, failed.count < failed.all {
      parts.append(
        "\(Figure.grouped(failed.count)) of \(Figure.grouped(failed.all)) pages failed (the first: \(failed.first.url): \(failed.first.failure ?? "status \(failed.first.status)"))"
      )
    }
    if !leftOutParts.isEmpty { parts.append("left out: " + leftOutParts.joined(separator: "; ")) }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  /// A line for each.
  var lines: [String] {
    var lines = moves.map { Self.sentence($0) + "." }
    if !leftOutParts.isEmpty { lines.append("Left out: " + leftOutParts.joined(separator: "; ") + ".") }
    if let onlyMechanism {
      lines.append(
        "One mechanism only, \(onlyMechanism), so that the site is read once: --mechanism all compares all of them."
      )
    }
    return lines
  }

  private static func sentence(_ move: Move) -> String {
    "\(move.from) leads to \(move.to), which is crawled too"
  }

  private var leftOutParts: [String] {
    var parts: [String] = []
    if leftOut.pages > 0 {
      let count = Figure.grouped(leftOut.pages) + (leftOut.pages == LeftOut.mostCounted ? " or more" : "")
      parts.append(
        "\(count) \(leftOut.pages == 1 ? "address" : "addresses") over the limit of \(Figure.grouped(limit)) pages (--limit)"
      )
    }
    if leftOut.links > 0 {
      parts.append(
        "\(Figure.grouped(leftOut.links)) links of \(Self.pages(leftOut.pagesOfLinks)) with over \(Figure.grouped(HTMLPage.mostLinks)) links or \(Figure.bytes(HTMLPage.mostLinkBytes)) of them"
      )
    }
    if leftOut.cutPages > 0, let first = leftOut.firstCut {
      parts.append(
        "the rest of \(Self.pages(leftOut.cutPages)) that \(leftOut.cutPages == 1 ? "was" : "were") read in part (the first: \(first))"
      )
    }
    if leftOut.redirects > 0 {
      parts.append(
        "\(Figure.grouped(leftOut.redirects)) \(leftOut.redirects == 1 ? "redirect" : "redirects") behind \(Frontier.mostHops) others in a row"
      )
    }
    return parts
  }

  private static func pages(_ count: Int) -> String {
    count == 1 ? "1 page" : "\(Figure.grouped(count)) pages"
  }
}
