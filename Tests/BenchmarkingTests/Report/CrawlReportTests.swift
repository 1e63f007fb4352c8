import Benchmarking
import Foundation
import Measurement
import TestSupport
import Testing

/// The crawl in the report of the benchmark, and on a page of its own.
@Suite(.serialized, .watched) struct CrawlReportTests {
  // MARK: Its file

  @Test func aFileIsReadAsItsText() throws {
    let folder = try Folder()
    let data = try SampleCrawl.parted.data
    try data.write(to: URL(fileURLWithPath: folder.path + "/crawl"))
    let read = try CrawlFigures.read(folder.path + "/crawl")
    #expect(HTMLReport.text(crawl: read) == HTMLReport.text(crawl: try CrawlFigures(json: data)))
    for text in ["", "garbage", "[]", "{}", #"{"workload": {"kind": "site"}, "runs": []}"#] {
      #expect(throws: BenchmarkError.self) { try CrawlFigures(json: Data(text.utf8)) }
    }
    #expect(throws: BenchmarkError.self) { try CrawlFigures.read("/nonexistent") }
  }

  /// A version that didn't keep the repeats, nor the machine.
  @Test func littleIsEnough() throws {
    let runs = ["pipe", "a<b"].map {
      #"{"mechanism": "\#($0)", "pages": 5, "wall_s": 0.5, "window": 1, "cost_us_per_page": {"median": 83.5, "low": 80, "high": 90}}"#
    }
    let text =
      #"{"workload": {"kind": "site", "pages": 5, "workers": 2}, "runs": [\#(runs.joined(separator: ","))], "ranking": [["pipe", "a<b"]]}"#
    let crawl = try CrawlFigures(json: Data(text.utf8))
    for html in [HTMLReport.text(try SampleReport.whole.report, crawl: crawl), HTMLReport.text(crawl: crawl)]
    {
      #expect(html.contains("a&lt;b") && !html.contains("a<b"))
      let page = try Page(html)
      #expect(page.charts("Cost per page").count == 1)
      #expect(page.charts("What a page takes").isEmpty)
      #expect(page.root.text.contains("83.5 µs (80.0–90.0)"))
    }
  }

  // MARK: Its page

  @Test func thePageOfACrawlIsWhole() throws {
    let page = try Page(HTMLReport.text(crawl: try SampleCrawl.parted.figures))
    #expect(page.root.all("h1").count == 1)
    let headings = page.root.all("h2").map(\.text)
    #expect(
      headings == [
        "Which mechanism for what, and how sure", "The crawl", "The figures", "How it was measured",
        "The machine",
      ])
    #expect(page.headlines.map(\.mechanisms) == ["pipe", "pipe"])
    #expect(page.headlines[0].need.contains("one page at a time (window 1)"))
    #expect(page.headlines[1].need.contains("a full window"))
    #expect(page.headlines.allSatisfy { $0.certainty == "told apart from all 2 others in 10 paired repeats" })
    #expect(page.headlines[0].figure.hasPrefix("60.0 µs a page (") || page.headlines[0].figure.contains("–"))
    // A cost and its parts for each window.
    #expect(page.charts("Cost per page").count == 2)
    #expect(page.charts("What a page takes").count == 2)
    #expect(page.root.text.contains("Sample <CPU>"))
    #expect(page.root.text.contains("every crawl found the same pages"))
    // Each run in the table, in order.
    let rows = try #require(page.table("Crawl")).all("tbody").flatMap { $0.all("tr") }
    #expect(rows.map { $0.children[0].text } == ["pipe", "memory", "unix", "pipe", "memory", "unix"])
  }

  @Test func jobsAreNoPages() throws {
    var sample = SampleCrawl.parted
    sample.kind = "nothing"
    let page = try Page(HTMLReport.text(crawl: try sample.figures))
    #expect(page.headlines.allSatisfy { $0.figure.contains("a job") })
    #expect(page.charts("Cost per job").count == 2)
  }

  @Test func tiesAreNamedAndTooFewRepeatsSaySo() throws {
    var sample = SampleCrawl([("pipe", 60), ("memory", 60), ("unix", 90)])
    for row in sample.runs.indices where sample.runs[row].mechanism == "memory" {
      sample.runs[row].each = SampleCrawl.noise.enumerated().map { 60 * $1 * ($0 % 2 == 0 ? 1.01 : 0.99) }
    }
    var page = try Page(HTMLReport.text(crawl: try sample.figures))
    #expect(
      page.headlines.allSatisfy { Set($0.mechanisms.split(separator: " ")) == ["pipe", "and", "memory"] })
    #expect(page.headlines.allSatisfy { $0.certainty.hasPrefix("tied: 10 repeats don't tell these 2 apart") })
    for row in sample.runs.indices { sample.runs[row].each = Array(sample.runs[row].each.prefix(4)) }
    page = try Page(HTMLReport.text(crawl: try sample.figures))
    let least = Ranking.leastRepeats(3)
    #expect(page.headlines.allSatisfy { $0.certainty.hasPrefix("undecided: 4 repeats") })
    #expect(page.headlines.allSatisfy { $0.certainty.contains("--repeats \(least)") })
  }

  /// Models beside worker processes: they belong to every window, and have no parts.
  @Test func modelsAreComparedWithEachWindow() throws {
    let page = try Page(HTMLReport.text(crawl: try SampleCrawl.longNames.figures))
    #expect(page.headlines.map(\.mechanisms) == ["futures and tasks", "futures and tasks"])
    for chart in page.charts("Cost per page") { #expect(chart.text.contains("futures and tasks")) }
    for chart in page.charts("What a page takes") { #expect(!chart.text.contains("futures and tasks")) }
  }

  // MARK: Its parts

  @Test func thePartsAreAsLongAsTheirShare() throws {
    let page = try Page(HTMLReport.text(crawl: try SampleCrawl.parted.figures))
    for chart in page.charts("What a page takes") {
      let bars = chart.all("g")
      #expect(bars.count == 3)
      for bar in bars {
        // Library 10, system calls 30, run queue 20, work 200.
        let parts = bar.all("rect").filter { $0.classes.first == "part" }
        #expect(parts.map { $0.classes.last } == ["p0", "p1", "p2", "p3"])
        let widths = parts.map { $0.number("width") }
        for (width, value) in zip(widths, [10.0, 30, 20, 200]) {
          #expect(abs(width / widths[0] - value / 10) < 0.15 * value / 10)
        }
        // One begins where the one before ends.
        for (one, next) in zip(parts, parts.dropFirst()) {
          #expect(abs(one.number("x") + one.number("width") - next.number("x")) < 0.3)
        }
        // Without colour: stripes, dots, filled and hollow; and what is asleep in words, with the cost at the end.
        #expect(bar.all("line").contains { $0.classes == ["stripe"] })
        #expect(bar.all("rect").contains { $0.classes == ["dot"] })
        let texts = bar.all("text").map(\.text)
        #expect(texts.contains { $0.contains("asleep 900 µs") && $0.contains("4.0 wake-ups") })
        #expect(texts.contains { $0.contains("µs (") })
      }
      for name in ["library", "system calls", "run queue", "work"] {
        #expect(chart.all("text").contains { $0.text == name }, "\(name)")
      }
    }
    let rows = try #require(page.table("Crawl, the parts")).all("tbody").flatMap { $0.all("tr") }
    #expect(rows.count == 6)
    #expect(
      rows[0].children.map(\.text) == [
        "pipe", "1", "10.0 µs", "30.0 µs", "20.0 µs", "200 µs", "900 µs", "4.0",
      ])
  }

  @Test func withoutPartsThereIsNoChartOfThem() throws {
    let page = try Page(HTMLReport.text(crawl: try SampleCrawl([("pipe", 60), ("unix", 90)]).figures))
    #expect(page.charts("What a page takes").isEmpty)
    #expect(page.table("Crawl, the parts") == nil)
    #expect(!page.root.text.contains("What the cost is made of"))
  }

  // MARK: Beside the benchmark

  /// A benchmark in which `memory` answers in 1 µs and `pipe` in 3 µs.
  private func benchmark(memory: Double = 1000, pipe: Double = 3000) -> SampleReport {
    var sample = SampleReport()
    for (name, time) in [("memory", memory), ("pipe", pipe)] {
      sample.rows.append(
        SampleReport.Row(
          workload: "latency", mechanism: name, wait: "adaptive", each: SampleCrawl.noise.map { $0 * time }))
    }
    return sample
  }

  private func reasons(_ report: SampleReport, _ crawl: SampleCrawl) throws -> [String] {
    let page = try Page(HTMLReport.text(try report.report, crawl: try crawl.figures))
    let all = page.all
    guard let start = all.firstIndex(where: { $0.name == "h3" && $0.text == "Beside the benchmark" }) else {
      return []
    }
    return all[start...].first { $0.name == "ul" }?.all("li").map(\.text) ?? []
  }

  @Test func whyTheCrawlDiffersIsSaidInFigures() throws {
    var crawl = SampleCrawl([("pipe", 100), ("memory", 120)])
    for row in crawl.runs.indices {
      crawl.runs[row].parts =
        crawl.runs[row].mechanism == "pipe" ? [200, 10, 30, 20, 700, 4] : [201, 35, 25, 21, 800, 4]
    }
    let reasons = try reasons(benchmark(), crawl)
    // The benchmark has no jobs over a pool, so nothing is said of a full window.
    #expect(reasons.count == 1)
    let text = try #require(reasons.first)
    #expect(text.contains("first in the benchmark: memory; first in the crawl: pipe"))
    #expect(text.contains("takes 1.00 µs with memory, 2.00 µs less than with pipe"))
    #expect(text.contains("the 2.00 µs are 2.00 % of that"))
    #expect(text.contains("Of the 282 µs"))
    #expect(
      text.contains("the library itself takes 35.0 µs, its system calls 25.0 µs, the run queue 21.0 µs"))
    #expect(text.contains("above all the library itself: 25.0 µs more"))
    // Other figures, another text.
    let other = try #require(try self.reasons(benchmark(pipe: 5000), crawl).first)
    #expect(other.contains("4.00 µs less than with pipe") && other.contains("are 4.00 % of that"))
    // Without the parts the rest is said.
    let bare = try #require(
      try self.reasons(benchmark(), SampleCrawl([("pipe", 100), ("memory", 120)])).first)
    #expect(bare.contains("are 2.00 % of that") && !bare.contains("library itself"))
  }

  @Test func whatTheCrawlCannotTellIsComparedWithItsNoise() throws {
    var crawl = SampleCrawl([("pipe", 100), ("memory", 100)])
    for row in crawl.runs.indices where crawl.runs[row].mechanism == "memory" {
      crawl.runs[row].each = SampleCrawl.noise.enumerated().map { 100 * $1 * ($0 % 2 == 0 ? 1.05 : 0.95) }
    }
    let text = try #require(try reasons(benchmark(), crawl).first)
    #expect(text.contains("first in the benchmark: memory; first in the crawl: all 2, tied"))
    #expect(text.contains("The crawl's own noise is larger"))
  }

  @Test func whereBothAgreeItSaysSo() throws {
    let text = try #require(try reasons(benchmark(), SampleCrawl([("pipe", 100), ("memory", 80)])).first)
    #expect(text.contains("agree") && text.contains("memory"))
    // A benchmark that tells nothing apart explains nothing.
    var noisy = benchmark(pipe: 1000)
    noisy.rows[1].each = noisy.rows[1].each.enumerated().map { $1 * ($0 % 2 == 0 ? 1.1 : 0.9) }
    let other = try #require(try reasons(noisy, SampleCrawl([("pipe", 100), ("memory", 80)])).first)
    #expect(other.contains("noise"))
    #expect(try reasons(SampleReport(), SampleCrawl.parted).isEmpty)
  }
}
