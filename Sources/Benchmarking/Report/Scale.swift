import Measurement

/// From values to places along an axis.
struct Scale {
  let low: Double
  let high: Double
  let from: Double
  let to: Double
  let isLogarithmic: Bool

  func place(_ value: Double) -> Double {
    let clamped = min(max(value, low), high)
    let part =
      isLogarithmic
      ? (Logarithm.ten(clamped) - Logarithm.ten(low)) / (Logarithm.ten(high) - Logarithm.ten(low))
      : (clamped - low) / (high - low)
    return from + part * (to - from)
  }

  /// Around the values, with a little room.
  static func logarithmic(_ values: [Double], _ from: Double, _ to: Double) -> Scale {
    let positive = values.filter { $0 > 0 && $0.isFinite }
    let (room, least) = (1.15, 2.0)
    let low = (positive.min() ?? 1) / room
    return Scale(
      low: low, high: max((positive.max() ?? 10) * room, low * least), from: from, to: to, isLogarithmic: true
    )
  }

  /// From zero on.
  static func linear(_ values: [Double], _ from: Double, _ to: Double) -> Scale {
    let high = values.filter(\.isFinite).max() ?? 0
    return Scale(low: 0, high: high > 0 ? high : 1, from: from, to: to, isLogarithmic: false)
  }

  /// Round values on it: powers of ten, or where there are few of them 1, 2 and 5 times those; without logarithms a handful
  /// in equal steps.
  var ticks: [Double] {
    if !isLogarithmic {
      let rough = Logarithm.power(Logarithm.ten((high - low) / 4).rounded(.down))
      let step = [1, 2, 5, 10].map { $0 * rough }.first { (high - low) / $0 <= 4.5 } ?? rough * 10
      return (0...4).map { Double($0) * step }.filter { $0 <= high }
    }
    let first = Int(Logarithm.ten(low).rounded(.down))
    let last = Int(Logarithm.ten(high).rounded(.up))
    guard first <= last else { return [] }
    func multiples(_ factors: [Double]) -> [Double] {
      (first...last).flatMap { power in factors.map { $0 * Logarithm.power(Double(power)) } }
        .filter { $0 >= low && $0 <= high }
    }
    let powers = multiples([1])
    return powers.count > 2 ? powers : multiples([1, 2, 5])
  }

  struct Label {
    let place: Double
    /// The label; nil where there is no room for one.
    let text: String?
    /// The text's middle, moved where it would leave the drawing.
    let middle: Double
  }

  /// The ticks with their labels along a horizontal axis. Labels that would touch are dropped, in even steps.
  ///
  /// - Parameter widest: the drawing's right edge.
  func labels(within widest: Double, _ write: (Double) -> String) -> [Label] {
    let all = ticks.map { value -> (place: Double, text: String, middle: Double, half: Double) in
      let (text, place) = (write(value), place(value))
      let half = TextBox.width(text) / 2
      return (place, text, max(half, min(place, widest - half)), half)
    }
    let isFree = { (step: Int) in
      let shown = stride(from: 0, to: all.count, by: step).map { all[$0] }
      return zip(shown, shown.dropFirst()).allSatisfy {
        $0.middle + $0.half + TextBox.gap <= $1.middle - $1.half
      }
    }
    let step = (1...max(1, all.count)).first(where: isFree) ?? max(1, all.count)
    return all.enumerated().map { index, each in
      Label(place: each.place, text: index % step == 0 ? each.text : nil, middle: each.middle)
    }
  }
}

/// How much room a text takes, for whatever sans-serif font the reader's machine has.
enum TextBox {
  /// The size of every text in a drawing, in its units.
  static let size = 13.0
  /// The space between two texts.
  static let gap = 8.0
  /// The width of a character relative to the size: of wide fonts, such as DejaVu Sans and Verdana.
  private static let (wide, narrow) = (0.64, 0.36)

  static func width(_ text: String, size: Double = size) -> Double {
    text.reduce(0) { $0 + (" .,:;()|".contains($1) ? narrow : wide) } * size
  }
}
