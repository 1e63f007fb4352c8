/// A label of a domain in ASCII letters, digits and hyphens.
///
/// Source: RFC 3492, whose names for the parameters are kept.
package enum Punycode {
  private static let base: UInt32 = 36
  private static let tmin: UInt32 = 1
  private static let tmax: UInt32 = 26
  private static let skew: UInt32 = 38
  private static let damp: UInt32 = 700
  private static let initialBias: UInt32 = 72
  private static let initialN: UInt32 = 0x80
  private static let delimiter = UInt8(ascii: "-")

  /// The threshold of a digit at a place (section 3.3).
  private static func threshold(_ place: UInt32, _ bias: UInt32) -> UInt32 {
    place <= bias ? tmin : min(max(place - bias, tmin), tmax)
  }

  private static func adapt(_ delta: UInt32, _ points: UInt32, isFirst: Bool) -> UInt32 {
    var delta = isFirst ? delta / damp : delta / 2
    delta += delta / points
    var place: UInt32 = 0
    while delta > (base - tmin) * tmax / 2 {
      delta /= base - tmin
      place += base
    }
    return place + (base - tmin + 1) * delta / (delta + skew)
  }

  /// - Returns: without `xn--`; nil if the label is too long to be encoded.
  package static func encode(_ label: [Unicode.Scalar]) -> [UInt8]? {
    var output: [UInt8] = []
    for scalar in label where scalar.isASCII { output.append(UInt8(truncatingIfNeeded: scalar.value)) }
    let basic = UInt32(output.count)
    if basic > 0 { output.append(delimiter) }
    var n = initialN
    var delta: UInt32 = 0
    var bias = initialBias
    var handled = basic
    while handled < UInt32(label.count) {
      guard let next = label.lazy.map(\.value).filter({ $0 >= n }).min() else { return nil }
      let (step, tooFar) = (next - n).multipliedReportingOverflow(by: handled + 1)
      let (sum, tooLarge) = delta.addingReportingOverflow(step)
      if tooFar || tooLarge { return nil }
      delta = sum
      n = next
      for scalar in label {
        if scalar.value < n {
          if delta == .max { return nil }
          delta += 1
        }
        guard scalar.value == n else { continue }
        append(delta, bias, to: &output)
        bias = adapt(delta, handled + 1, isFirst: handled == basic)
        delta = 0
        handled += 1
      }
      if delta == .max { return nil }
      delta += 1
      n += 1
    }
    return output
  }

  /// Appends a variable-length integer (section 3.3).
  private static func append(_ value: UInt32, _ bias: UInt32, to output: inout [UInt8]) {
    var rest = value
    var place = base
    while true {
      let threshold = threshold(place, bias)
      if rest < threshold { break }
      output.append(digit(threshold + (rest - threshold) % (base - threshold)))
      rest = (rest - threshold) / (base - threshold)
      place += base
    }
    output.append(digit(rest))
  }

  private static func digit(_ value: UInt32) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: value)
    return value < 26 ? UInt8(ascii: "a") + value : UInt8(ascii: "0") + value - 26
  }

  private static func value(_ digit: UInt8) -> UInt32? {
    if digit.isASCIIDigit { return UInt32(digit - UInt8(ascii: "0")) + 26 }
    return digit.isASCIILetter ? UInt32(digit.lowercased - UInt8(ascii: "a")) : nil
  }

  /// - Parameter text: without `xn--`.
  /// - Returns: nil if it isn't Punycode.
  package static func decode(_ text: [UInt8]) -> [Unicode.Scalar]? {
    var output: [Unicode.Scalar] = []
    var at = 0
    // A delimiter at the start is invalid: it is no digit.
    if let last = text.lastIndex(of: delimiter), last > 0 {
      for byte in text[..<last] {
        guard byte < 0x80 else { return nil }
        output.append(Unicode.Scalar(byte))
      }
      at = last + 1
    }
    var n = initialN
    var index: UInt32 = 0
    var bias = initialBias
    while at < text.count {
      let before = index
      var weight: UInt32 = 1
      var place = base
      while true {
        guard at < text.count, let digit = value(text[at]) else { return nil }
        at += 1
        let (step, tooFar) = digit.multipliedReportingOverflow(by: weight)
        let (sum, tooLarge) = index.addingReportingOverflow(step)
        if tooFar || tooLarge { return nil }
        index = sum
        let threshold = threshold(place, bias)
        if digit < threshold { break }
        let (heavier, isTooHeavy) = weight.multipliedReportingOverflow(by: base - threshold)
        if isTooHeavy { return nil }
        weight = heavier
        place += base
      }
      let count = UInt32(output.count) + 1
      bias = adapt(index - before, count, isFirst: before == 0)
      let (next, isTooLarge) = n.addingReportingOverflow(index / count)
      guard !isTooLarge, let scalar = Unicode.Scalar(next) else { return nil }
      n = next
      index %= count
      output.insert(scalar, at: Int(index))
      index += 1
    }
    return output
  }
}
