/// How text has to look where it is shown: how wide it may be, and in which characters.
package struct TextLayout: Sendable {
  /// The columns of the terminal; nil: as many as the text has.
  package let width: Int?
  /// Whether only ASCII characters can be shown.
  package let isASCII: Bool

  package init(width: Int?, isASCII: Bool) {
    self.width = width
    self.isASCII = isASCII
  }

  /// For a file, and for a pipe.
  package static let wide = TextLayout(width: nil, isASCII: false)

  /// The same text in characters that can be shown.
  package func shown(_ text: String) -> String {
    guard isASCII, !text.utf8.allSatisfy({ $0 < 128 }) else { return text }
    return text.reduce(into: "") { $0 += $1.isASCII ? String($1) : Self.replacements[$1] ?? "?" }
  }

  /// One character for each, so that columns stay aligned.
  private static let replacements: [Character: String] = [
    "─": "-", "█": "#", "▓": "%", "▒": "+", "░": "-", "▉": "#", "▊": "#", "▋": "#", "▌": "+", "▍": "+",
    "▎": ".", "▏": ".", "µ": "u",
    "±": "~",
    "│": "|", "┊": ":", "┌": "+", "└": "+", "▶": ">", "◀": "<", "»": ">", "●": "*", "╳": "X",
    "×": "x", "–": "-", "…": ".", "’": "'", "≤": "<", "≥": ">", "→": ">", "·": ".",
  ]

  /// Lines that are no longer than the width: broken between words, and continued under where each began.
  package func wrapped(_ text: String) -> String {
    guard let width else { return shown(text) }
    return shown(text).split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.count <= width ? String(line) : Self.broken(line, width)
    }.joined(separator: "\n")
  }

  /// The words between which a line may end: `1 048 576` and `95 %` are one.
  private static func words(_ line: Substring) -> [String] {
    line.split(separator: " ").reduce(into: []) { words, next in
      if let last = words.last?.last, last.isNumber,
        next.first == "%" || (next.first?.isNumber == true && next.count >= 3)
      {
        words[words.count - 1] += " " + next
      } else {
        words.append(String(next))
      }
    }
  }

  private static func broken(_ line: Substring, _ width: Int) -> String {
    let indent = String(line.prefix { $0 == " " })
    var lines: [String] = []
    var current = indent
    for word in words(line) {
      if current.count > indent.count, current.count + 1 + word.count > width {
        lines.append(current)
        current = indent
      }
      current += (current.count > indent.count ? " " : "") + word
    }
    return (lines + [current]).joined(separator: "\n")
  }
}
