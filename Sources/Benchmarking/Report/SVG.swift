import Measurement

/// A drawing that grows element by element. It is as wide as a phone's screen without the page's margins, so that a phone
/// shows its text in the size of ``TextBox``, and a larger screen shows several side by side.
///
/// For a screen reader it is one picture: its name, and its summary, which has the figures. The table has them too. What the
/// pointer rests on says its figures.
struct SVG {
  static let width = 340.0
  private var body = ""
  let height: Double
  let name: String
  let summary: String

  init(height: Double, name: String, summary: String) {
    self.height = height
    self.name = name
    self.summary = summary
  }

  static func number(_ value: Double) -> String {
    let rounded = (value * 10).rounded() / 10
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
    body +=
      "<line x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\" class=\"\(style)\"/>"
  }

  mutating func rect(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String) {
    body +=
      "<rect x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(max(width, 0.5)))\" height=\"\(Self.number(height))\" class=\"\(style)\"/>"
  }

  mutating func path(_ points: [(x: Double, y: Double)], _ style: String) {
    let steps = points.enumerated().map {
      "\($0.offset == 0 ? "M" : "L")\(Self.number($0.element.x)) \(Self.number($0.element.y))"
    }
    body += "<path d=\"\(steps.joined())\" class=\"\(style)\"/>"
  }

  enum Anchor: String { case start, middle, end }

  mutating func text(
    _ x: Double, _ y: Double, _ text: String, _ anchor: Anchor = .start, _ style: String = "label"
  ) {
    body +=
      "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" text-anchor=\"\(anchor.rawValue)\" class=\"\(style)\">\(PlainText.escaped(text))</text>"
  }

  /// A group of elements with a tooltip. The Tab key skips it.
  mutating func group(_ says: String, _ draw: (inout SVG) -> Void) {
    body += "<g><title>\(PlainText.escaped(says))</title>"
    draw(&self)
    body += "</g>"
  }

  /// A mark whose shape says whose it is, whatever its colour.
  mutating func mark(_ shape: Int, _ x: Double, _ y: Double, _ style: String, size: Double = 4.5) {
    let s = size
    func points(_ list: [(Double, Double)]) -> String {
      list.map { "\(Self.number(x + $0.0)),\(Self.number(y + $0.1))" }.joined(separator: " ")
    }
    switch shape % 7 {
    case 0:
      body +=
        "<circle cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(s))\" class=\"\(style)\"/>"
    case 1: body += "<polygon points=\"\(points([(-s, -s), (s, -s), (s, s), (-s, s)]))\" class=\"\(style)\"/>"
    case 2:
      body +=
        "<polygon points=\"\(points([(0, -s * 1.2), (s * 1.2, s), (-s * 1.2, s)]))\" class=\"\(style)\"/>"
    case 3:
      body +=
        "<polygon points=\"\(points([(0, -s * 1.4), (s * 1.4, 0), (0, s * 1.4), (-s * 1.4, 0)]))\" class=\"\(style)\"/>"
    case 4:
      body +=
        "<polygon points=\"\(points([(0, s * 1.2), (s * 1.2, -s), (-s * 1.2, -s)]))\" class=\"\(style)\"/>"
    case 5:
      let t = s * 0.45
      body +=
        "<polygon points=\"\(points([(-t, -s), (t, -s), (t, -t), (s, -t), (s, t), (t, t), (t, s), (-t, s), (-t, t), (-s, t), (-s, -t), (-t, -t)]))\" class=\"\(style)\"/>"
    default:
      body +=
        "<polygon points=\"\(points([(0, -s * 1.3), (s * 1.2, -s * 0.3), (s * 0.8, s * 1.1), (-s * 0.8, s * 1.1), (-s * 1.2, -s * 0.3)]))\" class=\"\(style)\"/>"
    }
  }

  var markup: String {
    "<svg viewBox=\"0 0 \(Self.number(Self.width)) \(Self.number(height))\" role=\"img\" aria-label=\"\(PlainText.escaped(name))\"><title>\(PlainText.escaped(name))</title><desc>\(PlainText.escaped(summary))</desc>\(body)</svg>"
  }
}
