/// Names that others chose, such as those of processes and files, as text that is safe to show.
package enum PlainText {
  private static let longest = 60

  /// Control and format characters as `\u{1B}`; nothing else changes.
  package static func shown(_ text: String) -> String {
    // Most texts have none of them.
    if text.utf8.allSatisfy({ $0 >= 32 && $0 < 127 }) { return text }
    return text.unicodeScalars.reduce(into: "") { shown, scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
        shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default: shown.unicodeScalars.append(scalar)
      }
    }
  }

  /// The same, cut to what a line has room for.
  package static func short(_ text: String) -> String {
    // Cut first: a name may have thousands of bytes.
    let shown = shown(String(text.prefix(longest + 1)))
    return shown.count <= longest ? shown : String(shown.prefix(longest - 1)) + "…"
  }

  /// A text that can't be taken for markup of HTML.
  package static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "&": result += "&amp;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
  }
}
