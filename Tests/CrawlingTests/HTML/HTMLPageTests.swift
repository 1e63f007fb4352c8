import Measurement
import TestSupport
import Testing

@testable import Crawling

/// What is found in a page.
@Suite(.watched) struct HTMLPageTests {
  private func parsed(
    _ html: String, at url: String = "http://host/dir/page", charset: String? = "utf-8"
  ) throws -> HTMLPage {
    HTMLPage(Array(html.utf8), at: try #require(PageURL(url)), charset: charset)
  }

  @Test func relativeAddressesAreResolved() throws {
    let links = try parsed(
      """
      <a href="sibling">1</a><a href="/root">2</a><a href="../up">3</a><a href="?q=1">4</a>
      <a href="//other/x">5</a><a href="https://third:8443/y">6</a>
      """
    ).links
    #expect(
      links == [
        "http://host/dir/sibling", "http://host/root", "http://host/up", "http://host/dir/page?q=1",
        "http://other/x", "https://third:8443/y",
      ])
  }

  @Test func aBaseChangesWhatTheyAreRelativeTo() throws {
    let links = try parsed(
      "<head><base href=\"http://elsewhere/a/\"></head><a href=\"b\">b</a><a href=\"/c\">c</a>"
    ).links
    #expect(links == ["http://elsewhere/a/b", "http://elsewhere/c"])
    #expect(try parsed("<base href=\"/deep/er/\"><a href=\"b\">b</a>").links == ["http://host/deep/er/b"])
  }

  @Test func fragmentsAndDuplicatesFallAway() throws {
    let links = try parsed(
      """
      <a href="#here">0</a><a href="x#one">1</a><a href="x#two">2</a><a href="x">3</a><a href=" x ">4</a>
      <a href="HTTP://HOST:80/dir/x">5</a>
      """
    ).links
    #expect(links == ["http://host/dir/x"])
  }

  @Test func otherSchemesAreIgnored() throws {
    let links = try parsed(
      """
      <a href="javascript:go()">1</a><a href="JavaScript:go()">2</a><a href="mailto:a@b">3</a>
      <a href="ftp://x/">4</a><a href="tel:1">5</a><a href="data:text/html,x">6</a><a href="http://">7</a>
      <a href="good">8</a>
      """
    ).links
    #expect(links == ["http://host/dir/good"])
  }

  @Test func entitiesAreRead() throws {
    let page = try parsed(
      "<title>Q &amp; A &lt;1&gt; &eacute;</title><a href=\"x?a=1&amp;b=2\">x</a><a href='&#121;'>y</a>")
    #expect(page.title == "Q & A <1> é")
    #expect(page.links == ["http://host/dir/x?a=1&b=2", "http://host/dir/y"])
  }

  @Test func brokenPagesAreReadAsFarAsPossible() throws {
    let page = try parsed(
      "<title>Br&oken</title><a href=one>1<a href='two'>2<table><a\nhref = \"three\" <p></b></i>")
    #expect(page.title.hasPrefix("Br"))
    #expect(page.links == ["http://host/dir/one", "http://host/dir/two", "http://host/dir/three"])
  }

  @Test func titlesAreOneLine() throws {
    #expect(try parsed("<title>\n  one\n\t two </title><title>three</title>").title == "one two")
    #expect(try parsed("<title>" + String(repeating: "x", count: 5000) + "</title>").title.count == 300)
  }

  @Test func framesAndAreasAndRelationsLeadToPages() throws {
    let links = try parsed(
      """
      <head><link rel="stylesheet" href="style.css"><link rel="next" href="next"><link rel="icon" href="i">
      </head><map><area href="area"></map><iframe src="frame"></iframe><img src="image">
      """
    ).links
    #expect(links == ["http://host/dir/next", "http://host/dir/area", "http://host/dir/frame"])
  }

  @Test(arguments: ["", " ", "\0", "<", "<a", "<a href", "<a href=", "<!--", "<![CDATA[", "&#xFFFFFFFF;"])
  func nothingIsFoundWhereNothingIs(_ html: String) throws { #expect(try parsed(html).links.isEmpty) }

  @Test func bytesThatAreNoTextAreNoHarm() throws {
    var random = SeededRandom(seed: 42)
    let url = try #require(PageURL("http://host/"))
    for length in [1, 100, 10_000] {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      for charset in ["utf-8", "no such charset", "utf-16", "shift_jis", nil] {
        _ = HTMLPage(bytes, at: url, charset: charset)
      }
    }
  }

  @Test func whatComesAfterBytesOfAnyValueIsRead() throws {
    let url = try #require(PageURL("http://host/"))
    for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: "<") {
      let html =
        Array("<p>".utf8) + [byte] + Array("<a title='".utf8) + [byte == UInt8(ascii: "'") ? 1 : byte]
        + Array("' href=x>".utf8)
      #expect(HTMLPage(html, at: url).links == ["http://host/x"], "\(byte)")
    }
  }

  // MARK: Depth and size

  @Test(arguments: [100, 255, 256, 1000, 100_000]) func linksAreFoundAtAnyDepth(_ depth: Int) throws {
    for (element, end) in [("<div>", "</div>"), ("<b>", "</b>"), ("<table><tr><td>", "</td></tr></table>")] {
      let html =
        String(repeating: element, count: depth) + "<a href=inner></a>"
        + String(repeating: end, count: depth) + "<a href=outer></a>"
      let page = try parsed(html)
      #expect(page.links == ["http://host/dir/inner", "http://host/dir/outer"])
    }
  }

  @Test func linksAreFoundBehindMegabytes() throws {
    let size = 4 << 20
    for filler in [
      String(repeating: "x", count: size), "<!--" + String(repeating: "-x", count: size / 2) + "-->",
      "<script>" + String(repeating: "a<b;", count: size / 4) + "</script>",
      "<img src=\"data:" + String(repeating: "A", count: size) + "\">",
      "<p title='" + String(repeating: "> ", count: size / 2) + "'>",
    ] {
      let page = try parsed("<a href=1></a>" + filler + "<a href=2></a>")
      #expect(page.links == ["http://host/dir/1", "http://host/dir/2"], "\(filler.prefix(12))")
    }
  }

  @Test func linksAreFoundWhereverAPieceEnds() throws {
    for length in 0..<1200 {
      let filler = String(repeating: "é", count: length / 2) + String(repeating: "x", count: length % 2)
      let page = try parsed(
        filler + "<p title='> \" >'><a title=\"<'>\" href='é'>é</a><!-- > <a href=no> --><title>é</title>"
          + filler
          + "<script>'<a href=no>'</script><a\nhref = 2 title = '>'>")
      #expect(
        page.links == ["http://host/dir/%C3%A9", "http://host/dir/2"] && page.title == "é", "\(length)")
    }
  }

  @Test(arguments: [100, 600, 5000, 100_000]) func aTagMayGoOnForLongBehindAQuotedBracket(_ length: Int)
    throws
  {
    let filler = String(repeating: "x", count: length)
    for tag in ["<p title='>\(filler)' id=\"\(filler)\">", "<!-- >\(filler) -->", "<p title='>", "<!-- >"] {
      let page = try parsed("<a href=1>" + tag + filler + "<a href=2>")
      #expect(
        page.links == (tag.count > 20 ? ["http://host/dir/1", "http://host/dir/2"] : ["http://host/dir/1"]))
    }
  }

  @Test func theTimeOfAPageGrowsWithItsSizeAlone() throws {
    let end = "<a href=last></a>"
    let attributes = (0..<200_000).map { "a\($0)" }.joined(separator: " ")
    for filler in [
      "<p \(attributes)>", "<a \(attributes)>", String(repeating: "<style></style>", count: 200_000),
      "<svg>" + String(repeating: "<title/>", count: 200_000) + "</svg>",
      String(repeating: "</html>", count: 200_000),
      String(repeating: "<b>", count: 200_000) + String(repeating: "</i>", count: 200_000),
      String(repeating: "<iframe></iframe>", count: 100_000), String(repeating: "<!-", count: 200_000) + ">",
      String(repeating: "<!--->", count: 200_000), String(repeating: "<meta charset=x>", count: 20_000),
      "<!--" + String(repeating: "--!", count: 200_000) + "-->",
      String(repeating: "<x y='", count: 200_001) + "'>",
    ] {
      #expect(try parsed(filler + end).links == ["http://host/dir/last"], "\(filler.prefix(20))")
    }
  }

  @Test func linksOverTheLimitAreCounted() throws {
    let many = (0..<(HTMLPage.mostLinks + 10)).map { "<a href=\($0)>" }.joined()
    let page = try parsed(many + many)
    #expect(page.links.count == HTMLPage.mostLinks && page.linksLeftOut == 10)
    let long = String(repeating: "x", count: 1 << 20)
    let large = try parsed((0..<6).map { "<a href=\($0)\(long)>" }.joined())
    #expect(large.links.count == 3 && large.linksLeftOut == 3)
  }
}
