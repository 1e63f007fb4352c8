import Benchmarking
import Foundation
import FoundationXML
import Measurement
import TestSupport
import Testing

/// The same report for a terminal, an issue, a spreadsheet and a browser: whole in each, whatever its text holds.
@Suite(.serialized, .watched) struct ReportTests {
  /// Names and warnings with what each form gives a meaning to.
  private static let awkward: SampleReport = {
    var sample = SampleReport.whole
    sample.cpu = #"CPU <b>"fast"</b> & | co, Ltd"#
    sample.kernel = "6.1<script>alert(1)</script>"
    sample.leftOut = ["tcp | <none>, \"really\""]
    sample.rows[0].warnings = [#"a "quoted", comma | pipe <i>"#, "another; one"]
    sample.rows[1].warnings = ["\""]
    sample.rows[2].warnings = [","]
    return sample
  }()

  /// Reports of whatever there may be: few rows, many, large and small figures.
  private func anything(_ random: inout SeededRandom) -> SampleReport {
    var sample = SampleReport()
    let names = ["pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp", "posix-queue", "memfd"]
    for _ in 0...(random.next() % 12) {
      let each = (0...(random.next() % 4)).map { _ in exp2(Double(random.next() % 4000) / 100 - 2) }
      var row = SampleReport.Row(mechanism: names.randomElement(using: &random)!, each: each)
      row.workload = ["latency", "throughput", "fan-in", "fan-out", "jobs", "wake"]
        .randomElement(using: &random)!
      row.wait = ["block", "spin", "adaptive"].randomElement(using: &random)!
      row.size = [0, 1, 64, 1000, 65536, 16 << 20].randomElement(using: &random)!
      if row.workload == "throughput" {
        row.mode = ["each", "batched", "in-place"].randomElement(using: &random)!
      }
      if random.next() % 2 == 0 { row.raw = each.map { $0 * exp2(Double(random.next() % 600) / 100 - 3) } }
      if random.next() % 3 == 0 { row.cacheLine = nil }
      if random.next() % 3 == 0 { row.copy = 5 }
      if random.next() % 3 == 0 { row.warnings = ["w, \"x\"", "y"] }
      sample.rows.append(row)
    }
    if random.next() % 3 == 0 { sample.cacheLine = nil }
    if random.next() % 3 == 0 { sample.pinned = [] }
    return sample
  }

  private func forEachReport(
    _ what: String = #function, _ body: (BenchmarkReport) throws -> Void
  ) throws {
    var random = SeededRandom.printed(what)
    try body(SampleReport.whole.report)
    try body(Self.awkward.report)
    for _ in 0..<25 { try body(anything(&random).report) }
  }

  // MARK: CSV

  /// The cells of a text as RFC 4180 has it.
  private func cells(_ text: String) -> [[String]] {
    var rows: [[String]] = []
    var row: [String] = []
    var cell = ""
    var isQuoted = false
    var characters = Array(text.unicodeScalars)[...]
    while let character = characters.popFirst() {
      switch character {
      case "\"" where isQuoted && characters.first == "\"":
        cell.append("\"")
        characters.removeFirst()
      case "\"": isQuoted.toggle()
      case "," where !isQuoted:
        row.append(cell)
        cell = ""
      case "\r" where !isQuoted && characters.first == "\n":
        characters.removeFirst()
        rows.append(row + [cell])
        (row, cell) = ([], "")
      default: cell.unicodeScalars.append(character)
      }
    }
    return rows + [row + [cell]]
  }

  @Test func everyRowOfACSVHasEveryCell() throws {
    try forEachReport { report in
      let rows = cells(CSVReport.text(report))
      let header = rows[0]
      #expect(rows.count == report.results.count + 1)
      #expect(Set(header).count == header.count)
      for (row, result) in zip(rows.dropFirst(), report.results) {
        #expect(row.count == header.count)
        #expect(row[0] == result.workload.name)
        #expect(row[1] == result.mechanism)
        #expect(row.last == result.warnings.joined(separator: "; "))
        // What is no word is a plain number, or nothing.
        for (name, cell) in zip(header, row) where name.hasSuffix("_ns") || name.contains("per_s") {
          #expect(cell.isEmpty || Double(cell)?.isFinite == true, "\(name): \(cell)")
        }
        let ratio = try #require(header.firstIndex(of: "raw_ratio"))
        #expect(row[ratio].isEmpty == (result.rawRatio == nil))
      }
    }
  }

  // MARK: Markdown

  @Test func everyRowOfAMarkdownTableHasItsColumns() throws {
    try forEachReport { report in
      let text = MarkdownReport.text(report)
      #expect(!text.contains("<"))
      // A table is a run of lines that begin with a bar; a bar that separates has no backslash before it.
      var columns: Int?
      var rows = 0
      for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
        guard line.hasPrefix("|") else {
          columns = nil
          continue
        }
        let bars = line.replacing("\\|", with: "").count { $0 == "|" }
        #expect(columns == nil || columns == bars, "\(line)")
        columns = bars
        rows += 1
      }
      // Two lines of head for each workload there is.
      #expect(rows == report.results.count + 2 * Set(report.results.map(\.workload)).count)
    }
  }

  @Test func barsInMarkdownAreEscaped() throws {
    let text = MarkdownReport.text(try Self.awkward.report)
    #expect(text.contains("\\| co, Ltd"))
    #expect(text.contains("comma \\| pipe &lt;i>"))
  }

  // MARK: The table of a terminal

  @Test func everyLineOfATableHasTheSameLayout() throws {
    try forEachReport { report in
      let lines = TableReport.text(report).split(separator: "\n", omittingEmptySubsequences: false)
      var tables = 0
      for (index, line) in lines.enumerated() where line.hasPrefix("─") {
        tables += 1
        let rule = Array(line)
        let rows = lines[(index - 1)...].prefix { !$0.isEmpty }
        for row in rows.map(Array.init) where row != rule {
          for (place, character) in row.enumerated() {
            // Between two columns there is nothing, and behind the last neither.
            if place >= rule.count || rule[place] == " " {
              #expect(character == " ", "\(String(row))")
            }
          }
          #expect(row.last != " ")
        }
      }
      #expect(tables == Set(report.results.map(\.workload)).count)
    }
  }

  @Test func aTableIsPlainWithoutATerminal() throws {
    let report = try Self.awkward.report
    #expect(!TableReport.text(report).contains("\u{1B}"))
    let colored = TableReport.text(report, color: true)
    #expect(colored.contains("\u{1B}["))
    // Colours take no room.
    let stripped = colored.replacing("\u{1B}[1m", with: "").replacing("\u{1B}[0m", with: "")
    #expect(stripped == TableReport.text(report))
  }

  @Test func warningsAndWhatIsLeftOutAreSaid() throws {
    let report = try Self.awkward.report
    for text in [TableReport.text(report), HTMLReport.text(report)] {
      #expect(text.contains("another; one"))
      #expect(text.contains("tcp | "))
    }
  }

  // MARK: HTML

  private func drawings(_ html: String) -> [Substring] {
    html.split(separator: "<svg").dropFirst().map { "<svg" + $0[..<$0.range(of: "</svg>")!.upperBound] }
  }

  @Test func aPageNeedsNothingElse() throws {
    try forEachReport { report in
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
    let html = HTMLReport.text(try Self.awkward.report)
    #expect(html.contains("CPU &lt;b&gt;&quot;fast&quot;&lt;/b&gt; &amp; | co, Ltd"))
    #expect(html.contains("Mitigation: &lt;PTI&gt;"))
  }

  @Test func everyDrawingIsNamedAndWellFormed() throws {
    try forEachReport { report in
      for svg in drawings(HTMLReport.text(report)) {
        let parser = Drawing()
        #expect(
          parser.read(String(svg)), "\(parser.problems.first ?? "it doesn't parse"): \(svg.prefix(300))")
        #expect(!parser.title.isEmpty)
        #expect(parser.numbers > 0)
      }
    }
    #expect(drawings(HTMLReport.text(try SampleReport.whole.report)).count == 6)
  }

  /// The crawl's chart comes from a file that another command wrote.
  @Test func theCrawlHasADrawing() throws {
    let folder = try Folder()
    let runs = ["pipe", "a<b"].map {
      #"{"mechanism": "\#($0)", "pages": 5, "wall_s": 0.5, "window": 1, "cost_us_per_page": {"median": 83.5, "low": 80, "high": 90}}"#
    }
    let text =
      #"{"workload": {"kind": "site", "pages": 5, "workers": 2}, "runs": [\#(runs.joined(separator: ","))], "ranking": [["pipe", "a<b"]]}"#
    try text.write(toFile: folder.path + "/crawl", atomically: true, encoding: .utf8)
    let crawl = try CrawlFigures.read(folder.path + "/crawl")
    let html = HTMLReport.text(try SampleReport.whole.report, crawl: crawl)
    let all = drawings(html)
    #expect(all.count == 7)
    #expect(Drawing().read(String(try #require(all.last))))
    #expect(html.contains("a&lt;b") && !html.contains("a<b"))
  }

  /// Everything of the page: what is open is closed, in order.
  @Test func thePageIsWellFormed() throws {
    try forEachReport { report in
      var html = HTMLReport.text(report)
      // What HTML leaves open, XML closes.
      html = html.replacing("<!doctype html>\n", with: "").replacing("<br>", with: "<br/>")
      html = html.replacing(try Regex("<meta ([^>]*)>")) { "<meta \($0.output[1].substring ?? "")/>" }
      let parser = XMLParser(data: Data(html.utf8))
      #expect(parser.parse(), "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "")")
    }
  }

  @Test func everyTableOfThePageHasItsColumns() throws {
    try forEachReport { report in
      let html = HTMLReport.text(report)
      for table in html.split(separator: "<table><thead>").dropFirst() {
        let text = table[..<table.range(of: "</table>")!.lowerBound]
        let rows = text.split(separator: "<tr>").map { row in
          row.ranges(of: "<th").count + row.ranges(of: "<td").count
        }
        #expect(Set(rows).count == 1, "\(rows)")
      }
    }
  }
}

/// One SVG, read as XML: its title, and whether every number in it is one.
private final class Drawing: NSObject, XMLParserDelegate {
  private static let numeric: Set<String> = [
    "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "d", "points", "viewBox",
  ]
  private var path: [String] = []
  private(set) var title = ""
  private(set) var numbers = 0
  private(set) var problems: [String] = []

  func read(_ text: String) -> Bool {
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    let isWhole = parser.parse()
    if let error = parser.parserError { problems.append("\(error)") }
    return isWhole && problems.isEmpty
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    path.append(name)
    for (key, value) in attributes where Self.numeric.contains(key) {
      for number in value.split(whereSeparator: { " ,ML".contains($0) }) {
        numbers += 1
        // Far outside is as wrong as no number.
        if let place = Double(number), place.isFinite, abs(place) < 10_000 { continue }
        problems.append("\(name) \(key)=\(value)")
      }
    }
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    path.removeLast()
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    if path == ["svg", "title"] { title += text }
  }
}
