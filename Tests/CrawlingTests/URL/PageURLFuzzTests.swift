import Crawling
import Measurement
import TestSupport
import Testing

/// Addresses that were changed at random: whatever comes out is a normal form.
@Suite(.watched) struct PageURLFuzzTests {
  /// What is put into an address.
  private static let pieces = [
    "/", "\\", "//", ".", "..", "/../", "/./", "%2e", "%2E%2e", "%", "%4", "%zz", "%00", "%41", ":", ":80",
    ":443",
    ":0", ":65536", "@", "a:b@", "?", "#", "??", "[", "]", "[::1]", "[::1.2.3.4]", "::", "1", "0x7f", "0177",
    "256",
    ".1", "1.", "http:", "https:", "HTTP://", "ftp:", "xn--", "xn--9ca", "xn--a", " ", "\t", "\n", "\u{0}",
    "\u{7F}", "é", "e\u{301}", "ß", "ς", "\u{200D}", "\u{AD}", "。", "．", "％", "ａ", "日本", "💩", "\u{FFFD}", "|",
    "^", "`",
    "{}", "<>", "\"", "'", "a", "B", "-", "_", "~",
  ]

  private static let seeds = PageURLTable.groups.flatMap { $0.cases.map(\.text) }
  private static let bases =
    PageURLTable.groups.compactMap(\.base) + ["https://host/", "http://[::1]:81/a/?b"]

  private func mutated(_ random: inout SeededRandom) -> String {
    var text = Array(Self.seeds.randomElement(using: &random)!.unicodeScalars)
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      let at = Int.random(in: 0...text.count, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: text.removeSubrange(at..<min(text.count, at + Int.random(in: 0...3, using: &random)))
      case 1:
        // The end of another address.
        let other = Array(Self.seeds.randomElement(using: &random)!.unicodeScalars)
        text.replaceSubrange(at..., with: other.suffix(Int.random(in: 0...other.count, using: &random)))
      default:
        text.insert(contentsOf: Self.pieces.randomElement(using: &random)!.unicodeScalars, at: at)
      }
    }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: text)
    return String(view)
  }

  @Test func whateverComesOutIsANormalForm() throws {
    var random = SeededRandom.printed()
    let bases = try Self.bases.map { try #require(PageURL($0)) }
    var found = 0
    for _ in 0..<20_000 {
      let text = mutated(&random)
      let base = bases.randomElement(using: &random)!
      let isAlone = random.chance(2)
      guard let url = isAlone ? PageURL(text) : PageURL(text, base: base) else { continue }
      found += 1
      let shown = "\(text.debugDescription) at \(isAlone ? "nothing" : base.text)"
      let again = try #require(PageURL(url.text), "\(shown)")
      #expect(again.text == url.text, "\(shown)")
      #expect(again.port == url.port, "\(shown)")
      #expect(PageURL(url.text, base: base)?.text == url.text, "\(shown)")
      #expect(url.text.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "\(shown)")
      #expect(!url.text.utf8.contains(UInt8(ascii: "#")), "\(shown)")
      #expect(url.text == "\(url.scheme)://\(url.authority)\(url.target)", "\(shown)")
      #expect(url.target.hasPrefix("/") && !url.host.isEmpty, "\(shown)")
      #expect(!url.path.split(separator: "/").contains { $0 == "." || $0 == ".." }, "\(shown)")
    }
    // Of so many some are addresses, or the test shows nothing.
    #expect(found > 1000)
  }
}
