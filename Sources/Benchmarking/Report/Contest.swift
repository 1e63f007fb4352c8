import Measurement

/// Things that were measured beside each other for one purpose, and what the ranking of their repeats says about them.
struct Contest {
  let names: [String]
  let ranking: Ranking
  /// The repeats that each of them has.
  let repeats: Int
  private let places: [Int: Int]

  /// - Parameter values: for each contestant one value per repeat, of which the smallest is the best.
  init(_ names: [String], _ values: [[Double]], seed: UInt64) {
    self.names = names
    // Repeats that Ctrl-C left unpaired aren't compared.
    let repeats = values.map(\.count).min() ?? 0
    self.repeats = repeats
    ranking = Ranking(values.map { Array($0.prefix(repeats)) }, seed: seed)
    places = ranking.places
  }

  /// The contestants that are first, tied if there are several.
  var first: [Int] { ranking.groups.first ?? [] }

  /// From the best median on.
  var order: [Int] { ranking.groups.flatMap { $0 } }

  /// The place, from 1; those that are tied have the same.
  func place(_ index: Int) -> Int { places[index] ?? 1 }

  /// Whether the repeats don't tell it apart from another one.
  func isTied(_ index: Int) -> Bool {
    ranking.groups.contains { $0.count > 1 && $0.contains(index) }
  }

  /// Whether so few repeats couldn't tell anything apart, however clear it is.
  var hasTooFewRepeats: Bool { names.count > 1 && repeats < Ranking.leastRepeats(names.count) }

  /// How sure it is that those that are first are.
  var certainty: String {
    let many = repeats == 1 ? "1 repeat" : "\(repeats) repeats"
    guard names.count > 1 else { return "the only one measured" }
    if hasTooFewRepeats {
      return
        "undecided: \(many) can't tell \(names.count) apart, however clear the figures are: use --repeats \(Ranking.leastRepeats(names.count)) or more"
    }
    let others = names.count - first.count
    let behind =
      others == 1 ? "the other one" : first.count == 1 ? "all \(others) others" : "the \(others) others"
    if ranking.isOneTie {
      return names.count == 2
        ? "tied: \(many) don't tell the two apart" : "tied: \(many) tell none of these \(names.count) apart"
    }
    if first.count > 1 {
      return "tied: \(many) don't tell these \(first.count) apart; they tell them apart from \(behind)"
    }
    return "told apart from \(behind) in \(repeats) paired repeats"
  }

  /// What the words of ``certainty`` mean.
  static let method =
    "Told apart: in paired repeats, by sign-flip tests of every pair that was measured for this need, corrected by Holm's method, with at most 5 % for any wrong order among them. Tied: not told apart; all that are tied are named, the smallest median first."
}

/// A need, what is first for it, and how sure that is: one line of every report.
package struct Headline {
  let need: String
  let names: [String]
  /// The figure with its interval; of several that are tied the span of their medians.
  let figure: String
  let certainty: String
  let isTied: Bool

  /// - Parameters:
  ///   - estimates: of each contestant, in the contest's order.
  ///   - write: a figure as text, such as `8.21 µs`.
  init(_ need: String, _ contest: Contest, _ estimates: [Estimate], _ write: (Double) -> String) {
    self.need = need
    names = contest.first.map { contest.names[$0] }
    certainty = contest.certainty
    isTied = names.count > 1
    let first = contest.first.map { estimates[$0] }
    figure =
      first.count == 1
      ? Figure.interval(first[0], write)
      : Figure.span(first.map(\.median), write)
  }

  /// `unix, pipe and fifo`
  var mechanisms: String { Self.list(names) }

  static func list(_ names: [String]) -> String {
    guard names.count > 1, let last = names.last else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }

  /// For a terminal and for Markdown.
  package var text: String { "\(need): \(mechanisms), \(figure); \(certainty)" }
}

extension Figure {
  /// `8.21 µs (8.10–8.35)`; no interval where there is one repeat.
  static func interval(_ estimate: Estimate, _ write: (Double) -> String) -> String {
    let median = write(estimate.median)
    if estimate.low == estimate.high { return median }
    return "\(median) (\(range(estimate.low, estimate.high, unit: unit(median), write)))"
  }

  /// `8.21–9.35 µs`
  static func span(_ values: [Double], _ write: (Double) -> String) -> String {
    guard let low = values.min(), let high = values.max() else { return "" }
    let (one, other) = (write(low), write(high))
    if one == other { return one }
    return unit(one) == unit(other) ? "\(number(one))–\(other)" : "\(one) – \(other)"
  }

  /// Two figures, without their unit where both have the one that the reader knows.
  private static func range(
    _ low: Double, _ high: Double, unit known: Substring, _ write: (Double) -> String
  ) -> String {
    let (one, other) = (write(low), write(high))
    guard unit(one) == known, unit(other) == known else { return "\(one) – \(other)" }
    return "\(number(one))–\(number(other))"
  }

  /// The digits at the beginning, which may be in groups.
  private static func number(_ text: String) -> Substring {
    let end = text.firstIndex { !($0.isNumber || $0 == "." || $0 == " ") } ?? text.endIndex
    let digits = text[..<end]
    return digits.last == " " ? digits.dropLast() : digits
  }

  private static func unit(_ text: String) -> Substring { text[number(text).endIndex...] }
}
