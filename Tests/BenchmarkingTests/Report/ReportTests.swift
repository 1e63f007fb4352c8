import Benchmarking
import Foundation
import Measurement
import TestSupport
import Testing

/// The same report for a terminal, an issue, a spreadsheet and a browser: whole in each, whatever its text holds.
@Suite(.serialized, .watched) struct ReportTests {
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
    try ReportSamples.forEach { report in
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
    try ReportSamples.forEach { report in
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
    let text = MarkdownReport.text(try ReportSamples.awkward.report)
    #expect(text.contains("\\| co, Ltd"))
    #expect(text.contains("comma \\| pipe &lt;i>"))
  }

  // MARK: The table of a terminal

  @Test func everyLineOfATableHasTheSameLayout() throws {
    try ReportSamples.forEach { report in
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
    let report = try ReportSamples.awkward.report
    #expect(!TableReport.text(report).contains("\u{1B}"))
    let colored = TableReport.text(report, color: true)
    #expect(colored.contains("\u{1B}["))
    // Colours take no room.
    let stripped = colored.replacing("\u{1B}[1m", with: "").replacing("\u{1B}[0m", with: "")
    #expect(stripped == TableReport.text(report))
  }

  @Test func warningsAndWhatIsLeftOutAreSaid() throws {
    let report = try ReportSamples.awkward.report
    for text in [TableReport.text(report), HTMLReport.text(report)] {
      #expect(text.contains("another; one"))
      #expect(text.contains("tcp | "))
    }
  }
}
