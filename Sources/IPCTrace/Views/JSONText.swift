/// The little JSON that the views write by themselves: this target needs no Foundation.
enum JSONText {
  /// A string with its quotes. `<` is escaped too, so that no text can end a script element.
  static func string(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "<", ">", "&", "\u{2028}", "\u{2029}": result += escape(scalar.value)
      default:
        if scalar.value < 32 || scalar.value == 127 {
          result += escape(scalar.value)
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }

  private static func escape(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }

  /// Nanoseconds as microseconds: "12.034".
  static func microseconds(_ nanoseconds: UInt64) -> String {
    "\(nanoseconds / 1000)." + String(String(1000 + nanoseconds % 1000).dropFirst())
  }
}
