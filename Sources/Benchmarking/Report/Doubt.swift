import Measurement

/// Why a figure is doubtful, and which reasons are worth a mark.
///
/// On a machine that is never quiet most rows have the same reason. It is then said once for the whole table, and only the
/// rows where it is far beyond the usual have a mark, with the reason in words.
enum Doubt: CaseIterable {
  case repeats, ratio, cacheLine, stolen

  /// A spread of the repeats, of the ratio to plain C and of the cache line's round trip above which a row has a warning.
  private static let (largestSpread, largestRatioWidth, largestCacheLineFactor) = (0.15, 0.1, 1.5)

  /// How a warning of this kind begins.
  private var beginning: String {
    switch self {
    case .repeats: "the repeats differ by ±"
    case .ratio: "the ratio to plain C is known only to ±"
    case .cacheLine: "a cache line's round trip moved from "
    case .stolen: "the host gave "
    }
  }

  /// The warnings of a row.
  static func warnings(_ result: BenchmarkResult, stolenTicks: Int, trials: Int) -> [String] {
    var warnings: [String] = []
    let spread = Statistics.estimate(result.each, seed: 1).spread
    if spread > largestSpread {
      warnings.append("\(repeats.beginning)\(Figure.percent(spread)): use more --repeats")
    }
    if let ratio = result.rawRatio, ratio.high - ratio.low > largestRatioWidth {
      warnings.append("\(Self.ratio.beginning)\(Figure.percent((ratio.high - ratio.low) / 2))")
    }
    if let line = result.cacheLine, line.high > largestCacheLineFactor * line.low {
      warnings.append(
        "\(cacheLine.beginning)\(Figure.time(nanoseconds: line.low)) to \(Figure.time(nanoseconds: line.high)): the host moved the processes to other CPUs"
      )
    }
    if stolenTicks > trials {
      warnings.append("\(stolen.beginning)\(stolenTicks) ticks of CPU time to others")
    }
    return warnings
  }

  /// How bad it is in a row, to compare rows by.
  private func amount(_ result: BenchmarkResult, _ warning: String) -> Double {
    switch self {
    case .repeats: Statistics.estimate(result.each, seed: 1).spread
    case .ratio: result.rawRatio.map { ($0.high - $0.low) / 2 } ?? 0
    case .cacheLine: result.cacheLine.map { $0.high / max($0.low, 1) } ?? 1
    case .stolen: Double(warning.dropFirst(beginning.count).prefix { $0.isNumber }) ?? 0
    }
  }

  /// What is said once for rows that have it alike.
  private func remark(_ count: Int, of rows: Int, _ low: Double, _ high: Double) -> String {
    let what =
      switch self {
      case .repeats: "the repeats differ by \(Self.range(low, high) { "±" + Figure.percent($0) })"
      case .ratio:
        "the ratio to plain C is known to \(Self.range(low, high) { "±" + Figure.percent($0) }) only"
      case .cacheLine:
        "a cache line's round trip moved by a factor of \(Self.range(low, high) { Figure.fixed($0, 1) }): the host moved the processes to other CPUs"
      case .stolen:
        "the host gave CPU time to others, \(Self.range(low, high) { Figure.grouped(Int($0)) }) ticks"
      }
    return "in \(count) of \(rows) rows \(what)"
  }

  private static func range(_ low: Double, _ high: Double, _ write: (Double) -> String) -> String {
    let (one, other) = (write(low), write(high))
    return one == other ? one : "\(one) to \(other)"
  }

  /// A reason is usual where more than this part of the rows have it, and at least so many.
  private static let (usualPart, leastUsual) = (0.25, 3)
  /// A row is marked nevertheless where its amount is more than so many times the median of those that have the reason.
  private static let beyondUsual = 2.5

  struct Judged {
    /// What is said once.
    var remarks: [String]
    /// The reasons of each row that has a mark.
    var reasons: [[String]]
  }

  /// Parts what is usual among these rows from what is not.
  static func judge(_ rows: [BenchmarkResult]) -> Judged {
    var judged = Judged(remarks: [], reasons: rows.map { _ in [] })
    for kind in allCases {
      let found = rows.enumerated().flatMap { index, row in
        row.warnings.filter { $0.hasPrefix(kind.beginning) }.map {
          (index: index, warning: $0, amount: kind.amount(row, $0))
        }
      }
      let isUsual = found.count >= leastUsual && Double(found.count) > usualPart * Double(rows.count)
      let middle = Statistics.median(found.map(\.amount))
      for each in found where !isUsual || each.amount > beyondUsual * middle {
        judged.reasons[each.index].append(each.warning)
      }
      if isUsual, let low = found.map(\.amount).min(), let high = found.map(\.amount).max() {
        judged.remarks.append(kind.remark(found.count, of: rows.count, low, high))
      }
    }
    // What this version doesn't know is usual where most rows say the same.
    let unknown = rows.map { row in
      row.warnings.filter { warning in !allCases.contains { warning.hasPrefix($0.beginning) } }
    }
    let counts = Dictionary(unknown.joined().map { ($0, 1) }, uniquingKeysWith: +)
    let isUsual = { (text: String) in
      let count = counts[text] ?? 0
      return count >= leastUsual && Double(count) > usualPart * Double(rows.count)
    }
    for (index, warnings) in unknown.enumerated() {
      judged.reasons[index] += warnings.filter { !isUsual($0) }
    }
    for (text, count) in counts.sorted(by: { $0.key < $1.key }) where isUsual(text) {
      judged.remarks.append("in \(count) of \(rows.count) rows \(text)")
    }
    if !judged.remarks.isEmpty {
      judged.remarks = ["The noise of this machine: \(judged.remarks.joined(separator: "; "))."]
    }
    return judged
  }
}
