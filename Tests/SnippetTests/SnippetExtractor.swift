/// Finds the blocks of Swift in a page or in the doc comments of a source.
///
/// An HTML comment before a block, which the rendered page doesn't show, says what is done with it:
///
///     <!-- snippet: program -->                  compiled and run; the default
///     <!-- snippet: compiled: REASON -->         compiled as a program, and not run
///     <!-- snippet: not compiled: REASON -->     neither
///     <!-- snippet: fragment                     compiled between the lines of the comment, and not run:
///     import IPC                                 the block takes the place of the line that is "…"
///     …
///     -->
struct SnippetExtractor {
  private(set) var snippets: [Snippet] = []
  private(set) var problems: [MarkProblem] = []

  private let file: String
  private static let opening = "<!-- snippet:"
  private static let closing = "-->"
  private static let place = "…"
  static let fence = "```"

  /// The blocks of a page.
  init(page: String, file: String) {
    self.file = file
    let lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var mark: (line: Int, use: Snippet.Use)?
    var index = 0
    while index < lines.count {
      let line = lines[index]
      if line.hasPrefix(Self.opening) {
        let start = index
        while index < lines.count, !lines[index].hasSuffix(Self.closing) { index += 1 }
        reportUnused(mark)
        mark = use(of: lines[start..<min(index + 1, lines.count)], at: start + 1).map { (start + 1, $0) }
      } else if line.hasPrefix(Self.fence) {
        let start = index + 1
        index = lines[start...].firstIndex { $0.hasPrefix(Self.fence) } ?? lines.count
        if line == Self.fence + "swift" {
          add(Array(lines[start..<index]), at: start + 1, mark?.use)
        } else {
          reportUnused(mark)
        }
        mark = nil
      } else if !line.isEmpty {
        reportUnused(mark)
        mark = nil
      }
      index += 1
    }
    reportUnused(mark)
  }

  /// The blocks of the doc comments of a source: fragments.
  init(source: String, file: String) {
    self.file = file
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    var block: (line: Int, lines: [String])?
    for (index, line) in lines.enumerated() {
      let text = line.drop { $0 == " " }
      guard text.hasPrefix("///") else {
        block = nil
        continue
      }
      let content = text.dropFirst("///".count)
      if let found = block {
        if content == " " + Self.fence {
          add(found.lines, at: found.line, .fragment(before: [], after: []))
          block = nil
        } else {
          block?.lines.append(String(content.dropFirst()))
        }
      } else if content == " " + Self.fence + "swift" {
        block = (index + 2, [])
      }
    }
  }

  private mutating func add(_ lines: [String], at line: Int, _ marked: Snippet.Use?) {
    let isManifest = lines.contains("import PackageDescription")
    snippets.append(
      Snippet(
        file: file, line: line, lines: lines, use: marked ?? (isManifest ? .manifest : .program),
        prints: lines.flatMap { Self.printed(by: $0) }))
  }

  private mutating func report(_ text: String, at line: Int) {
    problems.append(MarkProblem(file: file, line: line, text: text))
  }

  private mutating func reportUnused(_ mark: (line: Int, use: Snippet.Use)?) {
    if let mark { report("no block of swift follows this mark", at: mark.line) }
  }

  private mutating func use(of comment: ArraySlice<String>, at line: Int) -> Snippet.Use? {
    guard comment.last?.hasSuffix(Self.closing) == true else {
      report("this comment has no end", at: line)
      return nil
    }
    let text = String(
      comment.joined(separator: "\n").dropFirst(Self.opening.count).dropLast(Self.closing.count))
    let words = text.trimmed
    if words == "program" { return .program }
    for (name, make) in [("compiled:", Snippet.Use.compiled), ("not compiled:", Snippet.Use.ignored)]
    where words.hasPrefix(name) {
      let reason = String(words.dropFirst(name.count)).trimmed
      if reason.isEmpty { report("'\(name)' lacks its reason", at: line) }
      return make(reason)
    }
    if comment.first?.dropFirst(Self.opening.count).trimmed == "fragment" {
      let around = comment.dropFirst().dropLast()
      guard let place = around.firstIndex(where: { $0.trimmed == Self.place }) else {
        report("a fragment's comment has a line \"\(Self.place)\", where the block belongs", at: line)
        return nil
      }
      return .fragment(before: Array(around[..<place]), after: Array(around[(place + 1)...]))
    }
    report("unknown mark: \(words.prefix { $0 != "\n" })", at: line)
    return nil
  }

  /// What a line says that it prints: a comment behind `print(…)` of numbers, or of strings in quotes, between commas.
  static func printed(by line: String) -> [String] {
    guard let call = line.firstRange(of: "print("), let comment = line.lastRange(of: "// "),
      call.upperBound < comment.lowerBound
    else { return [] }
    let values = line[comment.upperBound...].split(separator: ",").map { $0.trimmed }
    let shown = values.compactMap { value in
      if Double(value) != nil { return value }
      guard value.count > 1, value.hasPrefix("\""), value.hasSuffix("\"") else { return nil }
      return String(value.dropFirst().dropLast())
    }
    return shown.count == values.count ? shown : []
  }
}

extension StringProtocol {
  /// Without white space at both ends.
  var trimmed: String {
    let start = drop { $0.isWhitespace }
    return String(start.reversed().drop { $0.isWhitespace }.reversed())
  }

  /// Where a text occurs for the last time.
  func lastRange(of text: String) -> Range<Index>? { ranges(of: text).last }
}
