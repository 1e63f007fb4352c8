import Benchmarking
import Foundation
import Measurement
import TestSupport
import Testing

/// What the charts show: each figure where it belongs, no text over another, and colour only for what is told apart.
@Suite(.serialized, .watched) struct ChartTests {
  private static let numeric: Set<String> = [
    "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "d", "points", "viewBox",
  ]

  @Test func everyDrawingIsNamedAndItsNumbersAreNumbers() throws {
    try ReportSamples.forEach { report in
      for (name, svg) in try Page(HTMLReport.text(report)).charts {
        #expect(!name.isEmpty && svg.all("title").first?.text == name)
        for node in svg.all {
          for (key, value) in node.attributes where Self.numeric.contains(key) {
            for number in value.split(whereSeparator: { " ,ML".contains($0) }) {
              // Far outside is as wrong as no number.
              let place = try #require(Double(number), "\(name): \(node.name) \(key)=\(value)")
              #expect(place.isFinite && abs(place) < 10_000)
            }
          }
        }
      }
    }
  }

  /// Labels of an axis, names and figures: in the drawing, and apart from each other.
  @Test func noTextTouchesAnother() throws {
    func check(_ html: String) throws {
      for (name, svg) in try Page(html).charts {
        let width = try #require((svg.attributes["viewBox"] ?? "").split(separator: " ").dropFirst(2).first)
        let right = try #require(Double(width))
        let texts = svg.all("text").map(DrawnText.init)
        for (index, one) in texts.enumerated() {
          #expect(one.left >= -1 && one.right <= right + 1, "\(name): \(one.text) leaves the drawing")
          for other in texts[(index + 1)...] {
            #expect(!one.touches(other), "\(name): \(one.text) and \(other.text)")
          }
        }
      }
    }
    try ReportSamples.forEach { try check(HTMLReport.text($0)) }
    for sample in [SampleCrawl.parted, SampleCrawl.longNames] {
      try check(HTMLReport.text(crawl: sample.figures))
    }
  }

  /// Times from nanoseconds to minutes on one axis: more labels than there is room for.
  @Test func labelsOfALongAxisAreDropped() throws {
    var sample = SampleReport()
    for (name, time) in [("pipe", 2.0), ("unix", 60e9)] {
      sample.rows.append(SampleReport.Row(workload: "latency", mechanism: name, each: [time, time]))
    }
    let page = try Page(HTMLReport.text(try sample.report))
    let chart = try #require(page.charts("Round trip").first)
    let labels = chart.all("text").map(DrawnText.init).filter(\.isAxis).sorted { $0.left < $1.left }
    #expect(labels.count >= 2)
    #expect(labels.count < chart.all("line").filter { $0.classes == ["grid"] }.count)
    for (one, next) in zip(labels, labels.dropFirst()) { #expect(one.right + 3 < next.left) }
  }

  // MARK: Waits, figures and ties

  /// Ten repeats of seven mechanisms: `memory` is told apart, `pipe` and `fifo` are tied, the others are told apart.
  private func ranked(_ wait: String) -> [SampleReport.Row] {
    let noise = [1.01, 0.99, 1.02, 0.98, 1.005, 0.995, 1.015, 0.985, 1.0, 1.001]
    let times = [
      ("memory", 1000.0), ("pipe", 3000), ("fifo", 3000), ("queue", 4000), ("unix", 5000),
      ("semaphore", 6000),
      ("tcp", 9000),
    ]
    return times.map { name, time in
      let each = noise.enumerated().map { index, factor in
        // The order of these two changes from repeat to repeat.
        time * (name == "fifo" ? factor * (index % 2 == 0 ? 1.01 : 0.99) : factor)
      }
      return SampleReport.Row(workload: "latency", mechanism: name, wait: wait, each: each)
    }
  }

  @Test func eachWaitHasAChartWithItsMedians() throws {
    var sample = SampleReport()
    for wait in ["spin", "block", "adaptive"] { sample.rows += ranked(wait) }
    let page = try Page(HTMLReport.text(try sample.report))
    let charts = page.charts.filter { $0.name.hasPrefix("Round trip of 64 B") }
    #expect(charts.map(\.name) == ["block", "adaptive", "spin"].map { "Round trip of 64 B, \($0)" })
    for (_, svg) in charts {
      let values = svg.all("text").filter { $0.classes == ["value"] }
      #expect(values.count == 7)
      for time in ["1.00 µs", "4.00 µs", "9.00 µs"] {
        #expect(values.contains { $0.text.hasPrefix(time) && $0.text.contains("±") }, "\(time)")
      }
      // The same axis in all.
      let ticks = svg.all("text").filter { $0.classes == ["axis-label"] }.map(\.text)
      #expect(ticks == charts[0].svg.all("text").filter { $0.classes == ["axis-label"] }.map(\.text))
    }
    // One wait, one chart.
    sample.rows = ranked("spin")
    let alone = try Page(HTMLReport.text(try sample.report))
    #expect(alone.charts.filter { $0.name.hasPrefix("Round trip") }.count == 1)
  }

  @Test func onlyWhatIsToldApartHasAColour() throws {
    var sample = SampleReport()
    sample.rows = ranked("block")
    var page = try Page(HTMLReport.text(try sample.report))
    func marks() throws -> [String: [Substring]] {
      let chart = try #require(page.charts("Round trip").first)
      return Dictionary(
        chart.all("g").map { group in
          let mark = group.children.last { $0.name == "polygon" || $0.name == "circle" }
          return (group.text.split(separator: ",").first.map(String.init) ?? "", mark?.classes ?? [])
        }, uniquingKeysWith: { first, _ in first })
    }
    for (name, classes) in try marks() {
      #expect(classes.contains("tied") == ["pipe", "fifo"].contains(name), "\(name) \(classes)")
    }
    let names = try #require(page.charts("Round trip").first).all("text").map(\.text)
    #expect(names.contains("1. memory") && names.contains("2. pipe") && names.contains("2. fifo"))
    #expect(names.contains("3. queue"))
    #expect(page.root.text.contains("Grey, with the same number"))
    // Too few repeats tell nothing apart, and it says so.
    for row in sample.rows.indices { sample.rows[row].each = Array(sample.rows[row].each.prefix(5)) }
    page = try Page(HTMLReport.text(try sample.report))
    #expect(try marks().values.allSatisfy { $0.contains("tied") })
    #expect(page.root.text.contains("All grey: 5 repeats are too few"))
  }
}
