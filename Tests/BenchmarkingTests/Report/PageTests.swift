import Benchmarking
import Foundation
import Measurement
import TestSupport
import Testing

/// The page as a browser has it: well formed, on its own, readable by everyone.
@Suite(.serialized, .watched) struct PageTests {
  @Test func aPageNeedsNothingElse() throws {
    try ReportSamples.forEach { report in
      let html = HTMLReport.text(report)
      let small = html.lowercased()
      for word in [
        "<script", "http:", "https:", "src=", "<link", "@import", "url(", "onload=", "javascript:",
      ] {
        #expect(!small.contains(word), "\(word)")
      }
      // No text becomes markup.
      for word in ["<b>", "<i>", "<none>", "<pti>", #""fast""#] {
        #expect(!small.contains(word), "\(word)")
      }
    }
  }

  @Test func awkwardNamesAreThereAsText() throws {
    let html = HTMLReport.text(try ReportSamples.awkward.report)
    #expect(html.contains("CPU &lt;b&gt;&quot;fast&quot;&lt;/b&gt; &amp; | co, Ltd"))
    #expect(html.contains("Mitigation: &lt;PTI&gt;"))
  }

  @Test func thePageIsWellFormed() throws {
    try ReportSamples.forEach { report in
      let page = try Page(HTMLReport.text(report))
      let names = page.all.compactMap { $0.attributes["id"] }
      #expect(Set(names).count == names.count)
      for link in page.root.all("a") {
        #expect(names.contains(String((link.attributes["href"] ?? "").dropFirst())))
      }
    }
  }

  // MARK: Tables

  @Test func everyTableOfThePageHasItsColumns() throws {
    try ReportSamples.forEach { report in
      let page = try Page(HTMLReport.text(report))
      for table in page.root.all("table") where table.classes.contains("figures") {
        let head = table.all("thead").flatMap { $0.all("th") }.map(\.text)
        for row in table.all("tbody").flatMap({ $0.all("tr") }) {
          if row.classes.contains("why") {
            #expect(row.children.map { $0.attributes["colspan"] } == ["\(head.count)"])
          } else {
            // A card shows the head of the column beside each cell.
            #expect(row.children.count == head.count)
            #expect(
              row.children.dropFirst().map { $0.attributes["data-label"] } == head.dropFirst().map { $0 })
          }
        }
      }
    }
  }

  @Test func onAPhoneTablesAreCards() throws {
    let style = try Page(HTMLReport.text(try SampleReport.whole.report)).style
    let phone = try #require(style.range(of: "@media (max-width:600px){"))
    let rules = style[phone.upperBound...]
    #expect(rules.contains("content:attr(data-label)"))
    #expect(rules.contains(/table,tbody,tr,th,td\{display:block/))
  }

  /// A phone of 390 CSS pixels has 358 without the margins, and shows no text smaller than 12.
  @Test func textIsLargeEnoughOnAPhone() throws {
    let page = try Page(HTMLReport.text(try SampleReport.whole.report))
    let (content, least) = (358.0, 12.0)
    let match = try #require(page.style.firstMatch(of: /svg text\{font:([0-9.]+)px/))
    let size = try #require(Double(match.1))
    #expect(!page.charts.isEmpty)
    for (name, svg) in page.charts {
      let width = try #require((svg.attributes["viewBox"] ?? "").split(separator: " ").dropFirst(2).first)
      #expect(size * content / (try #require(Double(width))) >= least, "\(name)")
      // No text has a size of its own.
      #expect(
        svg.all("text").allSatisfy { $0.attributes["style"] == nil && $0.attributes["font-size"] == nil })
    }
    for match in page.style.matches(of: /font-size:([0-9.]+)(rem|px|em|pt)/) {
      let value = try #require(Double(match.1))
      switch match.2 {
      case "rem", "em": #expect(value * 16 >= least)
      case "px": #expect(value >= least)
      // On paper.
      default: #expect(value >= 9)
      }
    }
  }

  // MARK: The keyboard

  @Test func theFirstStopLeadsToTheTables() throws {
    let crawl = try SampleCrawl.parted.figures
    for html in [
      HTMLReport.text(try SampleReport.whole.report, crawl: crawl), HTMLReport.text(crawl: crawl),
    ] {
      let page = try Page(html)
      let first = try #require(page.all.first(where: Page.isStop))
      #expect(first.name == "a" && first.attributes["href"] == "#tables")
      #expect(page.all.filter { $0.attributes["id"] == "tables" }.count == 1)
      #expect(page.beforeTables.filter(Page.isStop).count <= 20)
      // What a pointer can find is in the picture's summary, and in a table.
      for svg in page.root.all("svg") {
        #expect(svg.attributes["role"] == "img")
        #expect(!svg.all.contains(where: Page.isStop))
        #expect(svg.all("desc").first?.text.isEmpty == false)
      }
    }
  }

  // MARK: Colours

  /// The contrast of two colours (WCAG 2.1, 1.4.3).
  private func contrast(_ one: String, _ other: String) throws -> Double {
    func luminance(_ text: String) throws -> Double {
      let value = try #require(UInt32(text, radix: 16))
      let parts = [16, 8, 0].map { shift -> Double in
        let part = Double(value >> UInt32(shift) & 255) / 255
        return part <= 0.03928 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
      }
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }
    let both = [try luminance(one), try luminance(other)].sorted()
    return (both[1] + 0.05) / (both[0] + 0.05)
  }

  @Test func textHasContrastInBothModes() throws {
    let style = try Page(HTMLReport.text(try SampleReport.whole.report)).style
    let modes = style.matches(of: /:root\{([^}]*)\}/).map { match in
      Dictionary(
        match.1.matches(of: /--([a-z0-9]+):#([0-9a-f]{6})/).map { (String($0.1), String($0.2)) },
        uniquingKeysWith: { first, _ in first })
    }
    #expect(modes.count == 2)
    #expect(style.contains("prefers-color-scheme:dark"))
    for colors in modes {
      let background = try #require(colors["bg"])
      let row = try #require(colors["row"])
      for name in ["fg", "dim"] {
        for behind in [background, row] {
          #expect(try contrast(try #require(colors[name]), behind) >= 4.5, "\(name)")
        }
      }
      // The mark is background on this colour.
      #expect(try contrast(try #require(colors["c1"]), background) >= 4.5)
      // Drawings need less.
      for name in ["tied"] + (0..<7).map({ "c\($0)" }) {
        #expect(try contrast(try #require(colors[name]), background) >= 3, "\(name)")
      }
    }
    #expect(style.contains("@media print"))
  }

  // MARK: Folded

  @Test func plainCIsFolded() throws {
    let page = try Page(HTMLReport.text(try SampleReport.whole.report))
    let folded = page.root.all("details")
    let plain = try #require(folded.first { $0.all("summary").first?.text.contains("plain C") == true })
    #expect(folded.allSatisfy { $0.attributes["open"] == nil })
    // Latency with each wait, and the streams of each size.
    #expect(plain.all("svg").count == 7)
    #expect(plain.text.contains("the library costs nothing"))
    let others = page.charts.count - plain.all("svg").count
    #expect(others == page.beforeTables.filter { $0.name == "svg" }.count - plain.all("svg").count)
    // The tables have the ratio still.
    #expect(page.table("Latency")?.all("thead").first?.text.contains("× raw C") == true)
    // Without plain C there is nothing to unfold.
    var sample = SampleReport.whole
    for row in sample.rows.indices { sample.rows[row].raw = nil }
    #expect(!HTMLReport.text(try sample.report).contains("compared with plain C"))
  }
}
