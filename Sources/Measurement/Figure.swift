/// Numbers written for people: three significant digits, and the unit that fits.
package enum Figure {
  /// A value rounded to three significant digits.
  package static func short(_ value: Double) -> String {
    if value >= 99.95 || value == 0 { return grouped(Int(value.rounded())) }
    if value > 0, value < 0.0005 { return "<0.001" }
    let decimals = value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3
    return fixed(value, decimals)
  }

  /// A value with this many decimals.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let whole = Int((value * Double(scale)).rounded())
    if decimals == 0 { return String(whole) }
    let fraction = String(whole % scale)
    return "\(whole / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  /// A whole number with its digits in groups of three.
  package static func grouped(_ value: Int) -> String {
    var digits = Array(String(abs(value)))
    var index = digits.count - 3
    while index > 0 {
      digits.insert(" ", at: index)
      index -= 3
    }
    return (value < 0 ? "-" : "") + String(digits)
  }

  /// A duration, in ns, µs, ms or s.
  package static func time(microseconds: Double) -> String {
    if microseconds < 1 { return "\(short(microseconds * 1000)) ns" }
    if microseconds < 1000 { return "\(short(microseconds)) µs" }
    if microseconds < 1_000_000 { return "\(short(microseconds / 1000)) ms" }
    return "\(short(microseconds / 1_000_000)) s"
  }

  package static func time(nanoseconds: Double) -> String { time(microseconds: nanoseconds / 1000) }

  /// A message size as options take it: KiB and MiB where it is a whole number of them.
  package static func size(_ bytes: Int) -> String {
    if bytes > 0, bytes % (1 << 20) == 0 { return "\(bytes >> 20) MiB" }
    if bytes > 0, bytes % (1 << 10) == 0 { return "\(bytes >> 10) KiB" }
    return "\(bytes) B"
  }

  /// A rate with the SI prefix that fits: `1.23 M/s`, `1.23 MB/s` with the unit "B", `1.23 M jobs/s` with " jobs".
  package static func rate(_ perSecond: Double, _ unit: String = "") -> String {
    let (value, prefix): (Double, String) =
      switch perSecond {
      case 1e9...: (perSecond / 1e9, "G")
      case 1e6...: (perSecond / 1e6, "M")
      case 1e3...: (perSecond / 1e3, "k")
      default: (perSecond, "")
      }
    return
      "\(short(value)) \(prefix.isEmpty && unit.first == " " ? String(unit.dropFirst()) : prefix + unit)/s"
  }

  /// A fraction as a percentage.
  package static func percent(_ part: Double) -> String { "\(short(part * 100)) %" }

  /// A number of bytes, in kB, MB or GB.
  package static func bytes(_ count: Int) -> String {
    let value = Double(count)
    if value < 1000 { return "\(count) B" }
    if value < 1_000_000 { return "\(short(value / 1000)) kB" }
    if value < 1_000_000_000 { return "\(short(value / 1_000_000)) MB" }
    return "\(short(value / 1_000_000_000)) GB"
  }

  /// A bar, drawn in eighths of a character, of which `width` characters stand for `largest`.
  package static func bar(_ value: Double, of largest: Double, width: Int) -> String {
    guard largest > 0, value > 0 else { return "" }
    let eighths = max(1, Int((value / largest * Double(width * 8)).rounded()))
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
  }

  /// What each part of a bar is drawn with, the first part first.
  package static let stack: [Character] = ["█", "▓", "▒", "░", "·"]

  /// A bar of parts, of which `width` characters stand for `largest`.
  package static func stackedBar(_ parts: [Double], of largest: Double, width: Int) -> String {
    guard largest > 0 else { return "" }
    var bar = ""
    var sum = 0.0
    for (part, character) in zip(parts, stack) {
      sum += part
      // Rounded at its end, so that no error adds up.
      let end = Int((sum / largest * Double(width)).rounded())
      bar += String(repeating: character, count: max(0, end - bar.count))
    }
    return bar
  }
}
