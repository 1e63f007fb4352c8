import Measurement

/// The generated site: the same pages and links for the same number and seed, on any machine.
///
/// Page 0 is `/`, page i is `/page/i`. Each links to its two children in a binary tree, so that all can be reached, to the
/// first page, and to a few others that the seed chooses.
package struct SitePlan: Sendable {
  package let pages: Int
  package let seed: UInt64

  package init(pages: Int, seed: UInt64) {
    self.pages = pages
    self.seed = seed
  }

  package static func path(_ page: Int) -> String { page == 0 ? "/" : "/page/\(page)" }

  /// The page of a path; nil if there is none.
  package func page(_ path: Substring) -> Int? {
    if path == "/" { return pages > 0 ? 0 : nil }
    guard path.hasPrefix("/page/"), let page = Int(path.dropFirst(6)), (1..<max(pages, 1)).contains(page),
      String(page) == path.dropFirst(6)
    else { return nil }
    return page
  }

  /// An odd constant that separates the numbers of one page.
  private static let step: UInt64 = 0xD1B5_4A32_D192_ED03

  /// The n-th random number of a page.
  private func random(_ page: Int, _ n: Int) -> UInt64 {
    SeededRandom.mix(seed &+ UInt64(page) &* SeededRandom.increment &+ UInt64(n) &* Self.step)
  }

  package func links(_ page: Int) -> [Int] {
    var links = [2 * page + 1, 2 * page + 2].filter { $0 < pages }
    for n in 0..<4 where pages > 0 { links.append(Int(random(page, n) % UInt64(pages))) }
    return links
  }

  private static let words = [
    "pipe", "queue", "signal", "socket", "memory", "worker", "message", "kernel", "process", "channel",
    "buffer",
    "wait", "wake", "read", "write", "share",
  ]

  package func title(_ page: Int) -> String {
    let first = Self.words[Int(random(page, 10) % 16)]
    let second = Self.words[Int(random(page, 11) % 16)]
    return "Page \(page): \(first) & \(second)"
  }

  /// The page as HTML.
  package func html(_ page: Int) -> String {
    var html = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>"
    html += title(page).replacing("&", with: "&amp;")
    html += "</title></head>\n<body>\n<h1>Page \(page)</h1>\n<p>"
    for n in 0..<Int(40 + random(page, 12) % 200) {
      html += Self.words[Int(random(page, 100 + n) % 16)]
      html += n % 12 == 11 ? ".\n" : " "
    }
    html += "</p>\n<ul>\n"
    for link in links(page) { html += "<li><a href=\"\(Self.path(link))\">page \(link)</a></li>\n" }
    html += "</ul>\n<p><a href=\"/#top\">home</a></p>\n</body></html>\n"
    return html
  }
}

extension String {
  fileprivate func replacing(_ character: Character, with text: String) -> String {
    var result = ""
    for each in self { if each == character { result += text } else { result.append(each) } }
    return result
  }
}
