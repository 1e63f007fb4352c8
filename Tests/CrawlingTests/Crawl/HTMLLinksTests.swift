import Crawling
import Foundation
import TestSupport
import Testing

/// What is found in a page.
@Suite(.watched) struct HTMLLinksTests {
  private func parsed(
    _ html: String, at url: String = "http://host/dir/page", charset: String? = "utf-8"
  ) throws -> HTMLLinks {
    HTMLLinks(Data(html.utf8), at: try #require(URL(string: url)), charset: charset)
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
      <a href="ftp://x/">4</a><a href="tel:1">5</a><a href="data:text/html,x">6</a><a href="http:///x">7</a>
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

  @Test func bytesThatAreNoTextAreNoHarm() {
    var random: UInt64 = 42
    for length in [1, 100, 10_000] {
      let bytes = (0..<length).map { _ in
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: random >> 33)
      }
      _ = HTMLLinks(Data(bytes), at: URL(string: "http://host/")!, charset: "utf-8")
      _ = HTMLLinks(Data(bytes), at: URL(string: "http://host/")!, charset: "no such charset")
    }
  }

  @Test func deepNestingIsNoHarm() throws {
    // Recursion would use up the stack.
    let deep = String(repeating: "<div>", count: 100_000) + "<a href=\"x\">x</a>"
    _ = try parsed(deep)
    let shallow = String(repeating: "<b>", count: 100) + "<a href=\"x\">x</a>"
    #expect(try parsed(shallow).links == ["http://host/dir/x"])
  }

  @Test func charsetsAreHonoured() throws {
    let latin = Data("<title>".utf8) + Data([0xE9]) + Data("</title>".utf8)
    let url = try #require(URL(string: "http://host/"))
    #expect(HTMLLinks(latin, at: url, charset: "iso-8859-1").title == "é")
  }

  @Test func oneWayToWriteAnAddress() {
    #expect(HTMLLinks.normalized("HTTP://Host", relativeTo: nil) == "http://host/")
    #expect(HTMLLinks.normalized("http://host:80/a#b", relativeTo: nil) == "http://host/a")
    #expect(HTMLLinks.normalized("https://host:443/", relativeTo: nil) == "https://host/")
    #expect(HTMLLinks.normalized("http://host:443/", relativeTo: nil) == "http://host:443/")
    for none in ["", "x", "/x", "ftp://x", "http://", "mailto:x"] {
      #expect(HTMLLinks.normalized(none, relativeTo: nil) == nil, "\(none)")
    }
  }
}
