import Measurement

/// The charts of a crawl: for each window the cost, and what it is made of.
struct CrawlCharts {
  let figures: CrawlFigures

  /// What each mechanism costs: one for each window.
  var costs: [Chart] { figures.comparisons.compactMap(cost) }

  static func costLegend(_ unit: String) -> String {
    "The coordination cost: how much longer the crawl took, per \(unit), than the work itself. The lines are 95 % intervals."
  }

  /// What a page's time is made of: one for each window; none where it wasn't parted.
  var parts: [Chart] {
    let comparisons = figures.comparisons
    return comparisons.compactMap { parts($0, among: comparisons) }
  }

  static func partsLegend(_ unit: String) -> String {
    "The time of all processes per \(unit): the library's own CPU time, that of its system calls, the time in the run queue (ready, but without a CPU), and the work itself. The time asleep is the number below each bar. At the row's end is the cost per \(unit) with its 95 % interval. All windows have the same axis."
  }

  private func title(_ what: String, _ comparison: CrawlFigures.Comparison) -> String {
    comparison.window.map { "\(what), window \($0)" } ?? what
  }

  // MARK: Cost

  private func cost(_ comparison: CrawlFigures.Comparison) -> Chart? {
    Charts.bars(
      title("Cost per \(figures.unit)", comparison), comparison.contest, comparison.runs.map(\.cost),
      mechanisms: comparison.runs.map(\.label)
    ) { Figure.time(microseconds: $0) }.map {
      Chart(
        svg: $0,
        caption:
          "\(Charts.capitalized(figures.words(comparison.window))). \(Charts.placed(comparison.contest))")
    }
  }

  // MARK: Parts

  /// How a part is drawn: in its own colour and its own pattern.
  private enum Part: CaseIterable {
    case library, system, runQueue, work

    var name: String {
      switch self {
      case .library: "library"
      case .system: "system calls"
      case .runQueue: "run queue"
      case .work: "work"
      }
    }

    var style: String {
      switch self {
      case .library: "p0"
      case .system: "p1"
      case .runQueue: "p2"
      case .work: "p3"
      }
    }

    func value(_ parts: CrawlFigures.Parts) -> Double {
      let value =
        switch self {
        case .library: parts.library
        case .system: parts.system
        case .runQueue: parts.runQueue
        case .work: parts.work
        }
      return max(0, value)
    }
  }

  private func parts(_ comparison: CrawlFigures.Comparison, among all: [CrawlFigures.Comparison]) -> Chart? {
    let contest = comparison.contest
    let order = contest.order.filter { comparison.runs[$0].parts != nil }
    guard !order.isEmpty else { return nil }
    // Both windows have the same axis.
    let largest = all.flatMap(\.runs).compactMap(\.parts).map { parts in
      Part.allCases.reduce(0) { $0 + $1.value(parts) }
    }
    guard let most = largest.max(), most > 0 else { return nil }
    let rowHeight = 60.0
    let top = 54.0
    let bottom = top + Double(order.count) * rowHeight
    var svg = SVG(
      height: bottom + 24, name: title("What a \(figures.unit) takes", comparison),
      summary: order.map { "\(contest.names[$0]): \(words(comparison.runs[$0]))" }.joined(separator: "; "))
    let scale = Scale.linear([most], 1, Charts.right)
    legend(&svg)
    Charts.axis(&svg, scale, top: top, bottom: bottom) { Figure.time(microseconds: $0) }
    for (line, index) in order.enumerated() {
      let run = comparison.runs[index]
      guard let parts = run.parts else { continue }
      let y = top + Double(line) * rowHeight
      svg.group("\(contest.names[index]): \(words(run))") { svg in
        svg.rect(0, y, SVG.width, rowHeight, "row")
        svg.text(2, y + 16, Charts.name(contest, index), .start, "label")
        svg.text(
          Charts.right, y + 16,
          Charts.fitting(run.cost, beside: Charts.name(contest, index)) { Figure.time(microseconds: $0) },
          .end,
          "label value")
        var sum = 0.0
        for part in Part.allCases {
          let (from, to) = (scale.place(sum), scale.place(sum + part.value(parts)))
          if to - from >= 0.5 { Self.segment(&svg, part, from, y + 22, to - from, 14) }
          sum += part.value(parts)
        }
        svg.text(2, y + 51, asleep(parts), .start, "small")
      }
    }
    let processes = comparison.runs.compactMap(\.processes).max().map { ", \($0) processes" } ?? ""
    return Chart(
      svg: svg, caption: "\(Charts.capitalized(figures.words(comparison.window)))\(processes).")
  }

  private func asleep(_ parts: CrawlFigures.Parts) -> String {
    let wakeUps = parts.wakeUps > 0 ? ", \(Figure.fixed(parts.wakeUps, 1)) wake-ups" : ""
    return "and asleep \(Figure.time(microseconds: parts.waiting))\(wakeUps)"
  }

  private func words(_ run: CrawlFigures.Run) -> String {
    guard let parts = run.parts else { return "" }
    let list = Part.allCases.map { "\($0.name) \(Figure.time(microseconds: $0.value(parts)))" }
    return
      "cost \(Figure.interval(run.cost) { Figure.time(microseconds: $0) }); \(list.joined(separator: ", ")), \(asleep(parts))"
  }

  private func legend(_ svg: inout SVG) {
    for (index, part) in Part.allCases.enumerated() {
      let x = 1 + Double(index % 2) * SVG.width / 2
      let y = 4 + Double(index / 2) * 22
      Self.segment(&svg, part, x, y, 26, 14)
      svg.text(x + 33, y + 11.5, part.name, .start, "label")
    }
  }

  /// A part of a bar. Its pattern tells it from its neighbours without colour: filled, striped, dotted, hollow.
  private static func segment(
    _ svg: inout SVG, _ part: Part, _ x: Double, _ y: Double, _ width: Double, _ height: Double
  ) {
    svg.rect(x, y, width, height, "part \(part.style)")
    let step = 5.0
    switch part {
    case .library, .work: break
    case .system:
      for place in stride(from: x + step / 2 + 0.5, to: x + width - 1, by: step) {
        svg.line(place, y + 1, place, y + height - 1, "stripe")
      }
    case .runQueue:
      for (row, place) in [y + height * 0.3, y + height * 0.7].enumerated() {
        for dot in stride(from: x + step * (row == 0 ? 0.6 : 1.1), to: x + width - 1.5, by: step) {
          svg.rect(dot - 1, place - 1, 2, 2, "dot")
        }
      }
    }
  }
}
