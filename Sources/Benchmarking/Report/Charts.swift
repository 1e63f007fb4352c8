import IPC
import Measurement

/// A drawing with its caption.
struct Chart {
  let svg: SVG
  let caption: String
}

/// What the charts have in common.
enum Charts {
  /// A mechanism's colour and shape: the same in every drawing.
  static func shape(_ mechanism: String) -> Int {
    (Mechanism.all + Mechanism.variants).firstIndex { $0.name == mechanism } ?? 0
  }

  static func color(_ mechanism: String) -> String { "m\(shape(mechanism) % 7)" }

  /// The colour of a contestant: grey where it is tied with another one.
  static func color(_ contest: Contest, _ index: Int, _ mechanism: String) -> String {
    contest.isTied(index) ? "tied" : color(mechanism)
  }

  static let right = SVG.width - 2

  /// What grey and the numbers before the names mean.
  static func placed(_ contest: Contest) -> String {
    if contest.names.count < 2 { return "" }
    if contest.hasTooFewRepeats {
      let many = contest.repeats == 1 ? "one repeat is" : "\(contest.repeats) repeats are"
      return "All grey: \(many) too few to tell any of them apart."
    }
    if contest.ranking.isOneTie { return "All grey: the repeats tell none of them apart." }
    let haveTies = contest.ranking.groups.contains { $0.count > 1 }
    return
      "The number is the place."
      + (haveTies
        ? " Grey, with the same number: the repeats don't tell them apart; in colour: told apart from all others."
        : " All are told apart.")
  }

  /// The name with its place.
  static func name(_ contest: Contest, _ index: Int) -> String {
    let isRanked = contest.names.count > 1 && !contest.ranking.isOneTie
    return (isRanked ? "\(contest.place(index)). " : "") + contest.names[index]
  }

  /// A round value on an axis: `1 µs`, not `1.00 µs`.
  static func tick(_ text: String) -> String {
    let number = text.prefix { $0.isNumber || $0 == "." }
    if Double(number) == 0 { return "0" }
    guard number.contains(".") else { return text }
    var short = number
    while short.last == "0" { short.removeLast() }
    if short.last == "." { short.removeLast() }
    return String(short) + text[number.endIndex...]
  }

  /// Half an interval's width, without digits that say nothing: `±6 %`.
  static func spread(_ estimate: Estimate) -> String {
    let percent = estimate.spread * 100
    return percent == 0 ? "" : "±\(Figure.fixed(percent, percent < 0.95 ? 1 : 0)) %"
  }

  /// Room for the longest of some names on the left, within reason.
  static func leftEdge(_ names: [String]) -> Double {
    min(185, (names.map { TextBox.width($0) }.max() ?? 0) + 10)
  }

  static func axis(
    _ svg: inout SVG, _ scale: Scale, top: Double, bottom: Double, _ write: (Double) -> String
  ) {
    for label in scale.labels(within: SVG.width, { tick(write($0)) }) {
      svg.line(label.place, top, label.place, bottom, "grid")
      if let text = label.text { svg.text(label.middle, bottom + 17, text, .middle, "axis-label") }
    }
    svg.line(scale.from, bottom, scale.to, bottom, "axis")
  }

  /// Bars from zero with an interval, from the smallest on: one line for the name and the figure, the bar below.
  static func bars(
    _ title: String, _ contest: Contest, _ estimates: [Estimate], mechanisms: [String],
    _ write: (Double) -> String
  ) -> SVG? {
    guard let largest = estimates.map(\.high).max(), largest > 0 else { return nil }
    let order = contest.order
    let rowHeight = 40.0
    let bottom = 4 + Double(order.count) * rowHeight
    var svg = SVG(
      height: bottom + 24, name: title,
      summary: order.map { "\(name(contest, $0)): \(Figure.interval(estimates[$0], write))" }
        .joined(separator: "; "))
    let scale = Scale.linear([largest], 1, right)
    axis(&svg, scale, top: 4, bottom: bottom, write)
    for (row, index) in order.enumerated() {
      let y = 4 + Double(row) * rowHeight
      let estimate = estimates[index]
      svg.group("\(contest.names[index]): \(Figure.interval(estimate, write))") { svg in
        svg.rect(0, y, SVG.width, rowHeight, "row")
        svg.text(2, y + 16, name(contest, index), .start, "label")
        svg.text(right, y + 16, fitting(estimate, beside: name(contest, index), write), .end, "label value")
        let middle = y + 28
        svg.rect(
          1, y + 22, scale.place(estimate.median) - 1, 12, "fill \(color(contest, index, mechanisms[index]))")
        interval(&svg, scale, estimate, middle)
      }
    }
    return svg
  }

  /// A figure with its interval, or without it where the name beside it leaves no room.
  static func fitting(_ estimate: Estimate, beside name: String, _ write: (Double) -> String) -> String {
    let whole = Figure.interval(estimate, write)
    let room = SVG.width - TextBox.width(name) - TextBox.gap
    return TextBox.width(whole) <= room ? whole : write(estimate.median)
  }

  /// A 95 % interval over a bar: a line with ends, which has a rim of the background.
  static func interval(_ svg: inout SVG, _ scale: Scale, _ estimate: Estimate, _ y: Double) {
    guard estimate.high > estimate.low else { return }
    let (low, high) = (scale.place(estimate.low), scale.place(estimate.high))
    for style in ["rim", "interval"] {
      svg.line(low, y, high, y, style)
      svg.line(low, y - 4, low, y + 4, style)
      svg.line(high, y - 4, high, y + 4, style)
    }
  }

  static func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}
