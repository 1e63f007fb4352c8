import IPC
import Measurement

/// The charts of a benchmark's report. Those that have nothing to show are left out.
struct BenchmarkCharts {
  let report: BenchmarkReport

  // MARK: Times

  /// One for each wait strategy, all with the same axis, of the size that has the most rows.
  func times(_ workload: Workload) -> [Chart] {
    let all = report.commonestSize(
      report.results.filter { $0.workload == workload && $0.figures.latency != nil && !$0.each.isEmpty })
    let groups = [WaitStrategy.block, .adaptive, .spin].map { wait in
      (wait: wait, rows: all.filter { $0.wait == wait })
    }.filter { !$0.rows.isEmpty }
    return groups.map { time(workload, $0.wait, $0.rows, among: all) }
  }

  private func time(
    _ workload: Workload, _ wait: WaitStrategy, _ rows: [BenchmarkResult], among all: [BenchmarkResult]
  ) -> Chart {
    let contest = report.contest(rows)
    let order = contest.order
    let names = order.map { Charts.name(contest, $0) }
    let rowHeight = 36.0
    let top = 4.0
    let bottom = top + Double(order.count) * rowHeight
    let kind =
      rows[0].rate.map { "One way at \(Figure.rate($0, " messages"))" }
      ?? (workload.isRoundTrip ? "Round trip" : Charts.capitalized(workload.name))
    var svg = SVG(
      height: bottom + 24, name: "\(kind) of \(Figure.size(rows[0].size)), \(wait.rawValue)",
      summary: order.map { "\(Charts.name(contest, $0)): \(words(rows[$0]))" }.joined(separator: "; "))
    let left = Charts.leftEdge(names)
    let scale = Scale.logarithmic(
      all.compactMap(\.figures.latency).flatMap { [$0.p50, $0.p99, $0.max] }, left, Charts.right - 6)
    Charts.axis(&svg, scale, top: top, bottom: bottom) { Figure.time(nanoseconds: $0) }
    for (line, index) in order.enumerated() {
      let row = rows[index]
      guard let latency = row.figures.latency else { continue }
      let y = top + Double(line) * rowHeight + 25
      let color = Charts.color(contest, index, row.mechanism)
      svg.group("\(row.mechanism), \(wait.rawValue): \(words(row))") { svg in
        svg.rect(0, y - 25, SVG.width, rowHeight, "row")
        svg.text(2, y + 4.5, names[line])
        let middle = scale.place(latency.p50)
        svg.line(middle, y, scale.place(latency.max), y, "tail")
        svg.line(middle, y, scale.place(latency.p99), y, "most \(color)")
        svg.line(scale.place(latency.max), y - 4, scale.place(latency.max), y + 4, "tail")
        svg.mark(Charts.shape(row.mechanism), middle, y, "fill \(color)", size: 5)
        let figure = figure(row)
        let most = SVG.width - TextBox.width(figure)
        svg.text(max(left, min(middle - 5, most)), y - 9, figure, .start, "value")
      }
    }
    return Chart(svg: svg, caption: Charts.placed(contest))
  }

  /// How the charts of times are drawn.
  static let timesLegend =
    "In the charts of times the mark and the figure are the median, with half its 95 % interval; the thick line ends at p99, the thin one at the slowest message. Their axes are logarithmic, and the same for all waits."

  private func figure(_ row: BenchmarkResult) -> String {
    let spread = Charts.spread(Statistics.estimate(row.each, seed: report.method.seed))
    return Figure.time(nanoseconds: row.nanosecondsEach) + (spread.isEmpty ? "" : " \(spread)")
  }

  private func words(_ row: BenchmarkResult) -> String {
    guard let latency = row.figures.latency else { return "" }
    return
      "median \(figure(row)), p99 \(Figure.time(nanoseconds: latency.p99)), slowest \(Figure.time(nanoseconds: latency.max))"
  }

  // MARK: Throughput

  /// Payload per second by message size, a line per mechanism.
  func throughput() -> Chart? {
    let all = report.results.filter { $0.workload == .throughput && $0.mode == .each && $0.size > 0 }
    guard let wait = commonest(all.map(\.wait.rawValue)) else { return nil }
    let rows = all.filter { $0.wait.rawValue == wait }
    let sizes = Set(rows.map { Double($0.size) })
    guard sizes.count > 1, let least = sizes.min(), let most = sizes.max() else { return nil }
    let byMechanism = Dictionary(grouping: rows, by: \.mechanism).sorted {
      Charts.shape($0.key) < Charts.shape($1.key)
    }
    let columns = 3
    let legendRows = (byMechanism.count + columns - 1) / columns
    let (top, bottom) = (10.0, 250.0)
    var svg = SVG(
      height: bottom + 34 + Double(legendRows) * 22, name: "Payload per second, by message size",
      summary: byMechanism.map { name, rows in
        "\(name): "
          + rows.sorted { $0.size < $1.size }.map {
            "\(Figure.size($0.size)) \(Figure.rate($0.figures.bytesPerSecond, "B"))"
          }.joined(separator: ", ")
      }.joined(separator: "; "))
    let up = Scale.logarithmic(rows.map(\.figures.bytesPerSecond), bottom, top)
    let ticks = up.ticks
    let left = Charts.leftEdge(ticks.map(Self.tick))
    let across = Scale(
      low: least / 1.5, high: most * 1.5, from: left, to: Charts.right, isLogarithmic: true)
    for tick in ticks {
      svg.line(left, up.place(tick), Charts.right, up.place(tick), "grid")
      svg.text(left - 6, up.place(tick) + 4.5, Self.tick(tick), .end, "axis-label")
    }
    var free = 0.0
    for size in sizes.sorted() {
      let (x, text) = (across.place(size), Figure.size(Int(size)))
      svg.line(x, bottom, x, bottom + 4, "axis")
      let half = TextBox.width(text) / 2
      let middle = min(x, SVG.width - half)
      if middle - half >= free {
        svg.text(middle, bottom + 19, text, .middle, "axis-label")
        free = middle + half + TextBox.gap
      }
    }
    svg.line(left, bottom, Charts.right, bottom, "axis")
    for (index, (name, rows)) in byMechanism.enumerated() {
      let sorted = rows.sorted { $0.size < $1.size }
      let says = sorted.map { "\(Figure.rate($0.figures.bytesPerSecond, "B")) with \(Figure.size($0.size))" }
      svg.group("\(name): \(says.joined(separator: ", "))") { svg in
        let points = sorted.map { (x: across.place(Double($0.size)), y: up.place($0.figures.bytesPerSecond)) }
        svg.path(points, "series \(Charts.color(name))")
        for point in points {
          svg.mark(Charts.shape(name), point.x, point.y, "fill \(Charts.color(name))")
        }
        let x = 10 + Double(index % columns) * (SVG.width / Double(columns))
        let y = bottom + 46 + Double(index / columns) * 22
        svg.mark(Charts.shape(name), x, y - 4.5, "fill \(Charts.color(name))")
        svg.text(x + 11, y, name)
      }
    }
    return Chart(
      svg: svg,
      caption: "One message per call, \(wait). Both axes are logarithmic; each mechanism has its own mark.")
  }

  private static func tick(_ bytes: Double) -> String { Charts.tick(Figure.rate(bytes, "B")) }

  // MARK: CPU

  func cpu() -> Chart? {
    let all = report.results.filter { $0.workload == .throughput && $0.mode == .each }
    guard let size = all.map(\.size).filter({ $0 > 0 }).min() ?? all.map(\.size).min(),
      let wait = commonest(all.map(\.wait.rawValue))
    else { return nil }
    let rows = all.filter { $0.size == size && $0.wait.rawValue == wait }
    // An earlier version kept the median alone.
    let values = rows.map { $0.cpuEach.flatMap { $0.isEmpty ? nil : $0 } ?? [$0.figures.cpuMicroseconds] }
    let contest = Contest(rows.map(\.mechanism), values, seed: report.method.seed)
    return Charts.bars(
      "CPU time per message of \(Figure.size(size))", contest,
      values.map { Statistics.estimate($0, seed: report.method.seed) }, mechanisms: rows.map(\.mechanism)
    ) { Figure.time(microseconds: $0) }.map {
      Chart(
        svg: $0,
        caption:
          "Of both processes, in a stream of one message per call, \(wait). The line is the 95 % interval. \(Charts.placed(contest))"
      )
    }
  }

  // MARK: Plain C

  /// The ratios to plain C: a chart for each workload, way of sending and size.
  func overheads() -> [Chart] {
    let rows = report.results.filter { $0.rawRatio != nil }
    return Workload.all.flatMap { workload in
      let mine = rows.filter { $0.workload == workload }.map { row in
        (kind: row.mode == .each ? row.wait.rawValue : row.mode.rawValue, row: row)
      }
      let kinds = mine.map(\.kind).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
      return kinds.flatMap { kind in
        let sizes = Dictionary(grouping: mine.filter { $0.kind == kind }.map(\.row), by: \.size)
        return sizes.sorted { $0.key < $1.key }.map { size, rows in
          overhead("\(Charts.capitalized(workload.name)), \(kind), \(Figure.size(size))", rows)
        }
      }
    }
  }

  /// The axis of the ratios. What lies outside has an arrow, and its figure as all have.
  private static let (least, most) = (0.5, 2.0)

  private func overhead(_ title: String, _ unsorted: [BenchmarkResult]) -> Chart {
    let rows = unsorted.sorted { Charts.shape($0.mechanism) < Charts.shape($1.mechanism) }
    let names = rows.map(\.mechanism)
    let left = Charts.leftEdge(names)
    let rowHeight = 24.0
    let bottom = 4 + Double(rows.count) * rowHeight
    var svg = SVG(
      height: bottom + 24,
      name: title,
      summary: zip(names, rows).map { "\($0) \(Figure.ratio($1.rawRatio!))" }.joined(separator: "; "))
    let end = Charts.right - 44
    let scale = Scale(low: Self.least, high: Self.most, from: left + 4, to: end, isLogarithmic: true)
    let ticks: [(Double, String)] = [(0.5, "×0.5"), (1, "×1"), (2, "×2")]
    for (value, words) in ticks {
      svg.line(scale.place(value), 4, scale.place(value), bottom, value == 1 ? "one" : "grid")
      svg.text(scale.place(value), bottom + 17, words, .middle, "axis-label")
    }
    for (index, row) in rows.enumerated() {
      let ratio = row.rawRatio!
      let y = 16 + Double(index) * rowHeight
      let isOutside = ratio.median < Self.least || ratio.median > Self.most
      svg.group("\(row.label): \(Figure.ratio(ratio)) times plain C") { svg in
        svg.rect(0, y - 12, SVG.width, rowHeight, "row")
        svg.text(2, y + 4.5, names[index])
        let figure = ratio.median < 99.5 ? Figure.fixed(ratio.median, 2) : Figure.short(ratio.median)
        svg.text(Charts.right, y + 4.5, figure, .end, "value")
        if isOutside {
          let x = scale.place(ratio.median)
          let step = ratio.median > 1 ? -7.0 : 7.0
          svg.path([(x + step, y - 5), (x, y), (x + step, y + 5)], "series \(Charts.color(row.mechanism))")
        } else {
          svg.line(scale.place(ratio.low), y, scale.place(ratio.high), y, "tail")
          svg.mark(
            Charts.shape(row.mechanism), scale.place(ratio.median), y, "fill \(Charts.color(row.mechanism))")
        }
      }
    }
    return Chart(svg: svg, caption: "")
  }

  /// What the library costs beside plain C, in a sentence.
  var overheadLine: String? {
    let kernels = report.results.filter {
      $0.mode == .each && $0.wait == .block
        && (try? Mechanism(named: $0.mechanism))?.traits.writesInPlace != true
    }
    let ratios = kernels.compactMap { $0.rawRatio?.median }
    guard !ratios.isEmpty else { return nil }
    return
      "Over the mechanisms that copy through the kernel, blocking, with one message per call, the library takes \(Figure.fixed(Statistics.median(ratios), 2)) times as long as plain C (median of \(ratios.count) \(ratios.count == 1 ? "comparison" : "comparisons"))."
  }

  private func commonest(_ words: [String]) -> String? {
    Dictionary(grouping: words, by: { $0 }).max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.key
  }
}
