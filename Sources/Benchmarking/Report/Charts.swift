import IPC
import Measurement

/// The charts of a report. Each is nil where there is nothing to show.
struct Charts {
  let report: BenchmarkReport

  /// A mechanism's colour and shape: the same in every drawing.
  static func place(_ mechanism: String) -> Int {
    (Mechanism.all + Mechanism.variants).firstIndex { $0.name == mechanism } ?? 0
  }

  private static func style(_ mechanism: String) -> String { "m\(place(mechanism) % 7)" }

  private static let rowHeight = 22.0
  private static let right = SVG.width - 14
  private var rowHeight: Double { Self.rowHeight }
  private var left: Double { 128 }
  private var right: Double { Self.right }

  // MARK: Latency

  /// Median and tail of every mechanism, on one logarithmic axis, for the size that has the most rows.
  func times(_ workload: Workload) -> (svg: SVG, caption: String)? {
    let all = report.results.filter { $0.workload == workload && $0.figures.latency != nil }
    let sizes = Dictionary(grouping: all, by: \.size)
    guard let size = sizes.max(by: { ($0.value.count, -$0.key) < ($1.value.count, -$1.key) })?.key else {
      return nil
    }
    let rows = all.filter { $0.size == size }.sorted {
      ($0.wait.rawValue, $0.nanosecondsEach) < ($1.wait.rawValue, $1.nanosecondsEach)
    }
    let title =
      "\(workload.name.prefix(1).uppercased())\(workload.name.dropFirst()): messages of \(Figure.size(size))"
    let bottom = 26 + Double(rows.count) * rowHeight
    var svg = SVG(
      height: bottom + 30, name: title,
      summary: rows.map {
        "\($0.mechanism) \($0.wait.rawValue): median \(Figure.time(nanoseconds: $0.figures.latency!.p50))"
      }
      .joined(separator: "; "))
    let scale = Scale.logarithmic(
      rows.flatMap { [$0.figures.latency!.min, $0.figures.latency!.max] }, left, right)
    axis(&svg, scale, top: 16, bottom: bottom) { Figure.time(nanoseconds: $0) }
    for (index, row) in rows.enumerated() {
      let latency = row.figures.latency!
      let y = 32 + Double(index) * rowHeight
      let says =
        "\(row.mechanism), \(row.wait.rawValue): median \(Figure.time(nanoseconds: latency.p50)), p90 \(Figure.time(nanoseconds: latency.p90)), p99 \(Figure.time(nanoseconds: latency.p99)), p99.9 \(Figure.time(nanoseconds: latency.p999)), slowest \(Figure.time(nanoseconds: latency.max))"
      svg.group(says) { svg in
        svg.rect(0, y - 11, SVG.width, rowHeight, "row")
        svg.text(left - 8, y + 4, "\(row.mechanism) \(row.wait.rawValue)", .end)
        svg.line(scale.place(latency.p50), y, scale.place(latency.max), y, "whisker")
        for value in [latency.p90, latency.p99, latency.p999] {
          svg.line(scale.place(value), y - 5, scale.place(value), y + 5, "tick \(Self.style(row.mechanism))")
        }
        svg.mark(Self.place(row.mechanism), scale.place(latency.p50), y, "fill \(Self.style(row.mechanism))")
      }
    }
    return (
      svg,
      "The mark is the median, the strokes are p90, p99 and p99.9; the line ends at the slowest message. The axis is logarithmic."
    )
  }

  // MARK: Throughput

  /// Payload per second by message size, a line per mechanism.
  func throughput() -> (svg: SVG, caption: String)? {
    let all = report.results.filter { $0.workload == .throughput && $0.mode == .each && $0.size > 0 }
    guard let wait = commonest(all.map(\.wait.rawValue)) else { return nil }
    let rows = all.filter { $0.wait.rawValue == wait }
    let sizes = Set(rows.map { Double($0.size) })
    guard sizes.count > 1 else { return nil }
    let title = "Payload per second, by message size"
    let byMechanism = Dictionary(grouping: rows, by: \.mechanism).sorted {
      Self.place($0.key) < Self.place($1.key)
    }
    let legendRows = (byMechanism.count + 3) / 4
    let bottom = 250.0
    var svg = SVG(
      height: bottom + 44 + Double(legendRows) * 20, name: title,
      summary: byMechanism.map { name, rows in
        "\(name): "
          + rows.sorted { $0.size < $1.size }.map {
            "\(Figure.size($0.size)) \(Figure.rate($0.figures.bytesPerSecond, "B"))"
          }.joined(separator: ", ")
      }.joined(separator: "; "))
    let across = Scale.logarithmic(Array(sizes), 66, right)
    let tight = Scale(
      low: sizes.min()! / 1.3, high: sizes.max()! * 1.3, from: across.from, to: across.to, isLogarithmic: true
    )
    let up = Scale.logarithmic(rows.map(\.figures.bytesPerSecond), bottom, 14)
    for power in up.powers {
      svg.line(66, up.place(power), right, up.place(power), "grid")
      svg.text(60, up.place(power) + 4, Figure.rate(power, "B"), .end, "small")
    }
    for size in sizes.sorted() {
      svg.line(tight.place(size), bottom, tight.place(size), bottom + 4, "axis")
      svg.text(tight.place(size), bottom + 18, Figure.size(Int(size)), .middle, "small")
    }
    svg.line(66, bottom, right, bottom, "axis")
    for (index, (name, rows)) in byMechanism.enumerated() {
      let sorted = rows.sorted { $0.size < $1.size }
      let says =
        "\(name): "
        + sorted.map { "\(Figure.rate($0.figures.bytesPerSecond, "B")) with \(Figure.size($0.size))" }.joined(
          separator: ", ")
      svg.group(says) { svg in
        let points = sorted.map { (x: tight.place(Double($0.size)), y: up.place($0.figures.bytesPerSecond)) }
        svg.path(points, "series \(Self.style(name))")
        for point in points { svg.mark(Self.place(name), point.x, point.y, "fill \(Self.style(name))") }
        let x = 24 + Double(index % 4) * 108
        let y = bottom + 44 + Double(index / 4) * 20
        svg.mark(Self.place(name), x, y - 4, "fill \(Self.style(name))")
        svg.text(x + 10, y, name)
      }
    }
    return (
      svg,
      "One message per call, \(wait). Both axes are logarithmic; each mechanism has its own mark."
    )
  }

  // MARK: CPU

  func cpu() -> (svg: SVG, caption: String)? {
    let all = report.results.filter { $0.workload == .throughput && $0.mode == .each }
    guard let size = all.map(\.size).min(), let wait = commonest(all.map(\.wait.rawValue)) else { return nil }
    let rows = all.filter { $0.size == size && $0.wait.rawValue == wait }.map {
      (
        name: $0.mechanism, value: $0.figures.cpuMicroseconds,
        says:
          "\($0.mechanism): \(Figure.time(microseconds: $0.figures.cpuMicroseconds)) of CPU per message, \(Figure.time(microseconds: $0.figures.systemMicroseconds)) of it in the kernel"
      )
    }
    let title = "CPU time of both processes per message of \(Figure.size(size))"
    return Self.bars(title, rows) { Figure.time(microseconds: $0) }.map {
      ($0, "In a stream of one message per call, \(wait).")
    }
  }

  // MARK: Overhead

  /// The ratio to plain C of every row that has one.
  func overhead(_ workloads: [Workload]) -> (svg: SVG, caption: String)? {
    let rows = report.results.filter { $0.rawRatio != nil && workloads.contains($0.workload) }.sorted {
      ($0.workload.name, $0.size, Self.place($0.mechanism)) < (
        $1.workload.name, $1.size, Self.place($1.mechanism)
      )
    }
    guard !rows.isEmpty else { return nil }
    let shown = workloads.filter { workload in rows.contains { $0.workload == workload } }
    let title = "The library's time relative to plain C: \(shown.map(\.name).joined(separator: ", "))"
    let left = 212.0
    let bottom = 26 + Double(rows.count) * 19
    var svg = SVG(
      height: bottom + 30, name: title,
      summary:
        "The median of the ratios is \(Figure.fixed(Statistics.median(rows.map { $0.rawRatio!.median }), 2)) over \(rows.count) comparisons."
    )
    let scale = Scale(low: 0.5, high: 2, from: left, to: right, isLogarithmic: true)
    for (value, words) in [(0.5, "×0.5"), (0.7, "×0.7"), (1, "×1"), (1.4, "×1.4"), (2, "×2")] {
      svg.line(scale.place(value), 16, scale.place(value), bottom, value == 1 ? "one" : "grid")
      svg.text(scale.place(value), bottom + 16, words, .middle, "small")
    }
    for (index, row) in rows.enumerated() {
      let ratio = row.rawRatio!
      let y = 28 + Double(index) * 19
      let what =
        "\(row.workload.name) \(row.mechanism) \(Figure.size(row.size)) \(row.mode == .each ? row.wait.rawValue : row.mode.rawValue)"
      let outside =
        ratio.median < 0.5
        ? " ◂ \(Figure.fixed(ratio.median, 2))"
        : ratio.median > 2 ? " ▸ \(Figure.fixed(ratio.median, 2))" : ""
      svg.group("\(what): \(Figure.ratio(ratio)) times plain C") { svg in
        svg.rect(0, y - 9.5, SVG.width, 19, "row")
        svg.text(left - 8, y + 4, what, .end, "small")
        if outside.isEmpty { svg.line(scale.place(ratio.low), y, scale.place(ratio.high), y, "whisker") }
        svg.mark(
          Self.place(row.mechanism), scale.place(ratio.median), y, "fill \(Self.style(row.mechanism))",
          size: 3.8)
        if !outside.isEmpty {
          svg.text(
            scale.place(ratio.median) + (ratio.median > 1 ? -8 : 8), y + 4, outside,
            ratio.median > 1 ? .end : .start, "small")
        }
      }
    }
    return (
      svg,
      "The time of the library divided by that of the same exchange in plain C, measured in turn. At 1 the library costs nothing; left of 1 it is faster. The line is the 95 % interval."
    )
  }

  // MARK: The crawl

  static func crawl(_ crawl: CrawlFigures) -> (svg: SVG, caption: String)? {
    let title = "The crawl: coordination cost per page"
    let rows = crawl.runs.map {
      (
        name: crawl.name($0), value: $0.coordinationMicroseconds,
        says:
          "\(crawl.name($0)): \(Figure.time(microseconds: $0.coordinationMicroseconds)) per page beyond the work, \(Figure.short($0.wallSeconds)) s in all"
      )
    }
    return bars(title, rows) { Figure.time(microseconds: $0) }.map {
      (
        $0,
        "With \(crawl.workload.workers) \(crawl.runs.contains { $0.mechanism == nil } ? "at once" : "worker processes") and \(Figure.grouped(crawl.workload.pages)) pages. \(Self.ranked(crawl))"
      )
    }
  }

  private static func ranked(_ crawl: CrawlFigures) -> String {
    if crawl.ranking.count < 2 { return "The repeats tell none of them apart." }
    let groups = crawl.ranking.map { $0.count == 1 ? $0[0] : $0.joined(separator: ", ") + " (tied)" }
    let windows = Set(crawl.runs.compactMap(\.window)).count > 1 ? " With a full window" : ""
    return "From the cheapest on\(windows.lowercased()): \(groups.joined(separator: "; "))."
  }

  init(_ report: BenchmarkReport) { self.report = report }

  // MARK: Parts

  private static func bars(
    _ title: String, _ rows: [(name: String, value: Double, says: String)], _ figure: (Double) -> String
  ) -> SVG? {
    guard let largest = rows.map(\.value).max(), largest > 0 else { return nil }
    var svg = SVG(
      height: 12 + Double(rows.count) * rowHeight, name: title,
      summary: rows.map { "\($0.name) \(figure($0.value))" }.joined(separator: "; "))
    let left = 92.0
    for (index, row) in rows.enumerated() {
      let y = 18 + Double(index) * rowHeight
      svg.group(row.says) { svg in
        svg.rect(0, y - 11, SVG.width, rowHeight, "row")
        svg.text(left - 8, y + 4, row.name, .end)
        let width = row.value / largest * (right - left - 76)
        svg.rect(left, y - 7, width, 14, "fill \(style(row.name))")
        svg.text(left + width + 6, y + 4, figure(row.value), .start)
      }
    }
    return svg
  }

  private func axis(
    _ svg: inout SVG, _ scale: Scale, top: Double, bottom: Double, _ figure: (Double) -> String
  ) {
    for power in scale.powers {
      svg.line(scale.place(power), top, scale.place(power), bottom, "grid")
      svg.text(scale.place(power), bottom + 16, figure(power), .middle, "small")
    }
    svg.line(scale.from, bottom, scale.to, bottom, "axis")
  }

  private func commonest(_ words: [String]) -> String? {
    Dictionary(grouping: words, by: { $0 }).max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.key
  }
}
