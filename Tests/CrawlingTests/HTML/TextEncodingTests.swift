import TestSupport
import Testing

@testable import Crawling

/// In which encoding a page is read.
@Suite(.watched) struct TextEncodingTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    var charset: String?
    let title: String

    init(
      _ name: String, _ before: String, _ title: [UInt8], charset: String? = nil, _ expected: String,
      mark: [UInt8] = []
    ) {
      self.name = name
      bytes = mark + Array(before.utf8) + Array("<title>".utf8) + title + Array("</title>".utf8)
      self.charset = charset
      self.title = expected
    }

    var testDescription: String { name }
  }

  private static let latin: [UInt8] = [0xE9]
  private static let utf8: [UInt8] = [0xC3, 0xA9]

  static let cases: [Case] = [
    Case("nothing is declared, and it is UTF-8", "", utf8, "é"),
    Case("nothing is declared, and it isn't UTF-8", "", latin, "é"),
    Case(
      "windows-1252 has quotes and the euro where ISO 8859-1 has controls", "", [0x80, 0x93, 0x81], "€“\u{81}"
    ),
    Case("the header says it", "", utf8, charset: "UTF-8", "é"),
    Case("the header wins over the page", "<meta charset=utf-8>", latin, charset: "iso-8859-1", "é"),
    Case("the header's label is unknown", "<meta charset=koi8-r>", [0xC1], charset: "what", "а"),
    Case("the mark wins over the header", "", utf8, charset: "koi8-r", "é", mark: [0xEF, 0xBB, 0xBF]),
    Case("the page says it", "<meta charset=utf-8>", utf8, "é"),
    Case("the page says it with quotes", "<meta charset=' \"'><meta charset=' UTF-8 '>", utf8, "é"),
    Case(
      "the page says it in the old way", "<meta http-equiv=Content-Type content='text/html; charset=KOI8-R'>",
      [0xC1], "а"),
    Case(
      "the old way, in another order",
      "<meta content='text/html;charset = \"koi8-r\"' http-equiv=content-type>", [0xC1], "а"),
    Case(
      "the old way without http-equiv says nothing", "<meta content='text/html;charset=koi8-r'>", utf8, "é"),
    Case(
      "the first that is known counts", "<meta charset=what><meta charset=koi8-r><meta charset=utf-8>",
      [0xC1], "а"),
    Case(
      "the first counts, also where it changes nothing",
      "<meta charset=utf-8><meta http-equiv=content-type content='text/html; charset=koi8-r'>", utf8, "é"),
    Case("what a comment declares doesn't count", "<!-- <meta charset=koi8-r> -->", utf8, "é"),
    Case("what a script declares doesn't count", "<script>'<meta charset=koi8-r>'</script>", utf8, "é"),
    Case(
      "a declaration behind 1024 bytes",
      "<!--" + String(repeating: "x", count: 5000) + "--><meta charset=koi8-r>", [0xC1], "а"),
    Case("a page that says UTF-16 of itself is in UTF-8", "<meta charset=utf-16>", utf8, "é"),
    Case("x-user-defined stands for windows-1252", "<meta charset=x-user-defined>", latin, "é"),
    Case("an XML declaration", "<?xml version='1.0' encoding='koi8-r'?>", [0xC1], "а"),
    Case("ISO 8859-1 means windows-1252", "<meta charset=iso-8859-1>", [0x80], "€"),
    Case("ASCII means windows-1252", "<meta charset=us-ascii>", [0x80], "€"),
    Case(
      "GB 2312 means all of GB 18030", "<meta charset=gb2312>", [0xB0, 0xA1, 0x81, 0x30, 0x84, 0x36], "啊¥"),
    Case("Shift_JIS", "<meta charset=Shift_JIS>", [0x82, 0xA0, 0x87, 0x40], "あ①"),
    Case("EUC-JP", "<meta charset=euc-jp>", [0xA4, 0xA2], "あ"),
    Case("ISO-2022-JP", "<meta charset=iso-2022-jp>", [0x1B, 0x24, 0x42, 0x24, 0x22, 0x1B, 0x28, 0x42], "あ"),
    Case("Big5", "<meta charset=big5>", [0xA4, 0xA4], "中"),
    Case("EUC-KR means windows-949", "<meta charset=ks_c_5601-1987>", [0xB0, 0xA1, 0x81, 0x41], "가갂"),
    Case("ISO 8859-15", "<meta charset=latin9>", [0xC3], "Ã"),
    Case("windows-1251", "<meta charset=cp1251>", [0xE0, 0x98], "а\u{98}"),
    Case("windows-874", "<meta charset=tis-620>", [0xA1], "ก"),
    Case("macintosh", "<meta charset=mac>", [0x8E], "é"),
    Case("bytes that mean nothing", "", [0xFF, 0x41, 0xC3], charset: "utf-8", "\u{FFFD}A\u{FFFD}"),
    Case("bytes that mean nothing in Shift_JIS", "<meta charset=sjis>", [0xFD, 0x41], "\u{FFFD}A"),
  ]

  @Test(arguments: cases) func titlesAreRead(_ sample: Case) throws {
    let url = try #require(PageURL("http://host/"))
    let page = HTMLPage(sample.bytes, at: url, charset: sample.charset)
    #expect(page.title == sample.title)
  }

  @Test func utf16IsReadByItsMarkAndByTheHeader() throws {
    let url = try #require(PageURL("http://host/"))
    let units = Array("<title>é𝄞</title><a href='é'>".utf16)
    let little = units.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    let big = units.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    for (bytes, charset) in [
      ([0xFF, 0xFE] + little, nil), ([0xFE, 0xFF] + big, nil), (little, "utf-16"), (big, "utf-16be"),
    ] as [([UInt8], String?)] {
      let page = HTMLPage(bytes, at: url, charset: charset)
      #expect(page.title == "é𝄞" && page.links == ["http://host/%C3%A9"])
    }
    // Half a unit, and half a pair.
    #expect(HTMLPage([0xFF, 0xFE] + little + [0x41], at: url).links == ["http://host/%C3%A9"])
    #expect(TextEncoding.utf16LE.decoded([0x00, 0xD8, 0x41, 0x00]) == Array("\u{FFFD}A".utf8))
  }

  @Test func encodingsThatHideMarkupHaveNone() throws {
    let url = try #require(PageURL("http://host/"))
    let page = HTMLPage(Array("<a href=x>".utf8), at: url, charset: "hz-gb-2312")
    #expect(page.links.isEmpty)
  }

  @Test func queriesAreInTheEncodingOfThePage() throws {
    let url = try #require(PageURL("http://host/"))
    func links(_ href: [UInt8], _ charset: String) -> [String] {
      HTMLPage(Array("<a href='".utf8) + href + Array("'>".utf8), at: url, charset: charset).links
    }
    // The path is always in UTF-8.
    #expect(
      links(Array("/".utf8) + [0xE9] + Array("?".utf8) + [0xE9], "iso-8859-1") == ["http://host/%C3%A9?%E9"])
    #expect(links(Array("?".utf8) + [0x82, 0xA0], "shift_jis") == ["http://host/?%82%A0"])
    #expect(links(Array("?é".utf8), "utf-8") == ["http://host/?%C3%A9"])
    #expect(links([0x3F, 0x00, 0xE9, 0x00], "utf-16") == [])
    // What the encoding lacks becomes a reference, as in a form.
    #expect(links(Array("?&#x3042;&amp;x".utf8), "iso-8859-1") == ["http://host/?%26%2312354%3B&x"])
    #expect(links(Array("?&#x1F600;".utf8), "gbk") == ["http://host/?%26%23128512%3B"])
    #expect(links(Array("?&#x20AC;".utf8), "windows-1252") == ["http://host/?%80"])
  }

  @Test func labelsAreThoseOfTheStandard() {
    for label in ["utf-8", " UTF8\t", "unicode-1-1-utf-8"] { #expect(TextEncoding(label: label) == .utf8) }
    for label in ["latin1", "ISO_8859-1:1987", "ascii", "x-cp1252", "l1"] {
      #expect(TextEncoding(label: label) == .windows1252)
    }
    for label in ["", "utf", "utf-32", "utf-7", "cp437", "iso-8859-12"] {
      #expect(TextEncoding(label: label) == nil)
    }
    // Every encoding of the list reads what is ASCII as that.
    for (name, _, labels) in TextEncodingLabels.all where !name.hasPrefix("UTF-16") && name != "replacement" {
      for label in [name] + labels.split(separator: " ").map(String.init) {
        #expect(
          TextEncoding(label: label)?.decoded(Array("<a href=x>".utf8)) == Array("<a href=x>".utf8),
          "\(label)")
      }
    }
    #expect(TextEncodingLabels.all.count == 40)
  }
}
