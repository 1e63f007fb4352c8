import Benchmarking
import Foundation
import Measurement
import TestSupport
import Testing

/// Which mechanism for what, and how sure: the same in every format, and never more than the repeats tell.
@Suite(.serialized, .watched) struct HeadlineTests {
  private static let names = ["pipe", "memory", "unix", "tcp"]

  /// Every need, each mechanism told apart from the others, `memory` first.
  private func clear(_ repeats: Int = 10) -> SampleReport {
    var sample = SampleReport()
    for (index, name) in Self.names.enumerated() {
      let place = name == "memory" ? 1.0 : Double(index + 2)
      func add(_ workload: String, _ wait: String, _ size: Int = 64, _ mode: String = "each") {
        sample.rows.append(
          SampleReport.Row(
            workload: workload, mechanism: name, wait: wait, size: size, mode: mode,
            each: SampleCrawl.noise.prefix(repeats).map { $0 * 1000 * place }))
      }
      for wait in ["block", "adaptive", "spin"] { add("latency", wait) }
      for size in [64, 1 << 20] { add("throughput", "block", size) }
      add("throughput", "block", 64, "batched")
      add("jobs", "adaptive")
      add("wake", "block")
    }
    return sample
  }

  @Test func thePageBeginsWithTheNeeds() throws {
    let page = try Page(HTMLReport.text(try clear().report))
    #expect(page.root.all("h2").first?.text == "Which mechanism for what, and how sure")
    #expect(page.root.all("table").first?.classes.contains("first") == true)
    let needs = page.headlines.map(\.need)
    for need in [
      "A reply soon, processes that block", "A reply soon, processes that may spin a little, then block",
      "A reply soon, processes that may spin (", "A stream of small messages, one per call",
      "A stream of small messages, batched", "Large messages (1 MiB)", "Jobs over a pool of 2 workers",
      "Waking a process that sleeps",
    ] {
      #expect(needs.count { $0.hasPrefix(need) } == 1, "\(need)")
    }
    #expect(needs.count == 8)
    for line in page.headlines {
      #expect(line.mechanisms == "memory")
      #expect(line.certainty == "told apart from all 3 others in 10 paired repeats")
    }
    #expect(page.headlines[0].figure.hasPrefix("1.00 µs ("))
    #expect(page.root.text.contains("sign-flip tests") && page.root.text.contains("Holm"))
  }

  /// The needs that weren't measured aren't there.
  @Test func onlyWhatWasMeasuredIsThere() throws {
    var sample = clear()
    sample.rows.removeAll { $0.workload != "jobs" }
    let page = try Page(HTMLReport.text(try sample.report))
    #expect(page.headlines.map(\.need) == ["Jobs over a pool of 2 workers"])
    // Nothing was compared.
    sample.rows.removeAll { $0.mechanism != "pipe" }
    let alone = try Page(HTMLReport.text(try sample.report))
    #expect(alone.headlines.isEmpty)
    #expect(alone.root.text.contains("Only one mechanism was measured"))
  }

  @Test func leastCPUTimeIsRankedByItsRepeats() throws {
    var report = try clear().report
    // Another mechanism uses the least.
    for index in report.results.indices {
      let least = report.results[index].mechanism == "pipe" ? 1.0 : 2.0 + Double(index)
      report.results[index].cpuEach = SampleCrawl.noise.map { $0 * least }
    }
    let line = try #require(
      try Page(HTMLReport.text(report)).headlines.first { $0.need.hasPrefix("Least CPU time") })
    #expect(line.mechanisms == "pipe")
    #expect(line.certainty == "told apart from all 3 others in 10 paired repeats")
    #expect(line.figure.contains("µs ("))
    // It is kept in the file.
    let back = try JSONDecoder().decode(BenchmarkReport.self, from: JSONEncoder().encode(report))
    #expect(back.results.map(\.cpuEach) == report.results.map(\.cpuEach))
  }

  @Test func thoseThatAreTiedAreAllNamed() throws {
    var sample = clear()
    for row in sample.rows.indices where ["memory", "unix"].contains(sample.rows[row].mechanism) {
      let isUnix = sample.rows[row].mechanism == "unix"
      sample.rows[row].each = SampleCrawl.noise.enumerated().map { index, factor in
        1000 * factor * (isUnix ? (index % 2 == 0 ? 1.01 : 0.99) : 1)
      }
    }
    for line in try Page(HTMLReport.text(try sample.report)).headlines {
      #expect(Set(line.mechanisms.split(separator: " ")) == ["memory", "and", "unix"])
      #expect(
        line.certainty
          == "tied: 10 repeats don't tell these 2 apart; they tell them apart from the 2 others")
    }
    // All the same: none is told apart.
    for row in sample.rows.indices {
      sample.rows[row].each = SampleCrawl.noise.enumerated().map { 1000 * ($0 == row % 10 ? 2 : $1) }
    }
    for line in try Page(HTMLReport.text(try sample.report)).headlines {
      #expect(line.certainty == "tied: 10 repeats tell none of these 4 apart")
    }
  }

  @Test(arguments: [1, 7]) func tooFewRepeatsDecideNothing(_ repeats: Int) throws {
    let page = try Page(HTMLReport.text(try clear(repeats).report))
    #expect(page.headlines.count == 8)
    for line in page.headlines {
      #expect(line.certainty.hasPrefix("undecided: \(repeats) repeat"))
      #expect(line.certainty.hasSuffix("use --repeats \(Ranking.leastRepeats(4)) or more"))
      for name in Self.names { #expect(line.mechanisms.contains(name)) }
    }
  }

  /// One voice: what the page says, the terminal and Markdown say.
  @Test func everyFormatSaysTheSame() throws {
    for sample in [clear(), clear(5)] {
      let report = try sample.report
      let lines = try Page(HTMLReport.text(report)).headlines
      #expect(lines.count == 8)
      for text in [TableReport.text(report), MarkdownReport.text(report)] {
        let small = text.lowercased()
        for line in lines {
          let said = "\(line.need): \(line.mechanisms), \(line.figure); \(line.certainty)".lowercased()
          #expect(small.contains(said), "\(said)")
        }
      }
    }
  }
}
