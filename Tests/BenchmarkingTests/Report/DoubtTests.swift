import Benchmarking
import Foundation
import Measurement
import TestSupport
import Testing

/// A mark means something: it is rare, and its reason is beside it.
@Suite(.serialized, .watched) struct DoubtTests {
  private static let names = ["pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp"]

  private func warning(_ percent: Int) -> String { "the repeats differ by ±\(percent) %: use more --repeats" }

  /// Repeats that differ by about so much.
  private func row(_ name: String, _ spread: Double) -> SampleReport.Row {
    SampleReport.Row(
      mechanism: name,
      each: [-1, -0.8, -0.5, 0, 0, 0.5, 0.8, 1].map { 1000 * (1 + $0 * spread) },
      warnings: spread > 0.15 ? [warning(Int(spread * 100))] : [])
  }

  private func marks(_ report: SampleReport) throws -> [(row: String, reason: String)] {
    let table = try #require(try Page(HTMLReport.text(try report.report)).table("Throughput"))
    let rows = table.all("tbody").flatMap { $0.all("tr") }
    return zip(rows, rows.dropFirst()).compactMap { row, next in
      next.classes.contains("why") ? (row.children[0].text, next.text) : nil
    }
  }

  @Test func aRareReasonIsBesideItsRow() throws {
    var sample = SampleReport()
    sample.rows = Self.names.map { row($0, $0 == "unix" ? 0.4 : 0.02) }
    let marks = try marks(sample)
    #expect(marks.map(\.row) == ["unix"])
    #expect(marks.first?.reason.contains(warning(40)) == true)
    #expect(marks.first?.reason.hasPrefix("!") == true)
  }

  @Test func whatMostRowsHaveIsSaidOnce() throws {
    var sample = SampleReport()
    sample.rows = Self.names.map { row($0, 0.25) }
    #expect(try marks(sample).isEmpty)
    let page = try Page(HTMLReport.text(try sample.report))
    #expect(page.root.text.contains("The noise of this machine: in 7 of 7 rows the repeats differ by ±"))
    #expect(page.root.text.contains("No figure is doubtful beyond the usual"))
    // The terminal has no marks either, and says it once.
    let text = TableReport.text(try sample.report)
    #expect(text.contains("in 7 of 7 rows the repeats differ"))
    #expect(!text.contains("! 7"))
    #expect(!text.split(separator: "\n").contains { $0.hasSuffix(" !") })
  }

  @Test func farBeyondTheUsualIsMarkedNevertheless() throws {
    var sample = SampleReport()
    sample.rows = Self.names.map { row($0, $0 == "tcp" ? 0.9 : 0.2) }
    let marks = try marks(sample)
    #expect(marks.map(\.row) == ["tcp"])
    #expect(try Page(HTMLReport.text(try sample.report)).root.text.contains("in 7 of 7 rows"))
    #expect(TableReport.text(try sample.report).contains("! 1 figure is doubtful beyond the usual"))
  }

  /// A reason that this version doesn't know: as rare as it is.
  @Test func anUnknownReasonIsTreatedAlike() throws {
    var sample = SampleReport()
    sample.rows = Self.names.map { SampleReport.Row(mechanism: $0, warnings: $0 == "pipe" ? ["odd"] : []) }
    #expect(try marks(sample).map(\.row) == ["pipe"])
    sample.rows = Self.names.map { SampleReport.Row(mechanism: $0, warnings: ["odd"]) }
    #expect(try marks(sample).isEmpty)
    #expect(HTMLReport.text(try sample.report).contains("in 7 of 7 rows odd"))
  }

  /// Folded, the page has every warning.
  @Test func noWarningIsLost() throws {
    var sample = SampleReport()
    sample.rows = Self.names.map { row($0, 0.25) }
    let page = try Page(HTMLReport.text(try sample.report))
    let folded = page.root.all("details").first { $0.text.contains("All remarks on the noise") }
    #expect(folded?.all("li").count == 7)
  }
}
