import Testing

/// A snippet or a demo, as a target of the generated package.
struct Example: Sendable, CustomTestStringConvertible {
  /// A file of the target. Its name in the repository is the one that the compiler's messages name.
  struct Source: Sendable {
    let name: String
    let text: String
  }

  /// A place in the repository.
  struct Place: Sendable {
    let file: String
    let lines: Range<Int>
  }

  /// The name of the target; several fragments share one.
  let target: String
  let sources: [Source]
  /// Where what it compiles stands.
  let places: [Place]
  /// Whether it is run.
  let runs: Bool
  let isProgram: Bool
  let prints: [String]

  var testDescription: String { "\(places[0].file):\(places[0].lines.lowerBound)" }

  /// For a test's failure: the first line of it.
  var location: SourceLocation {
    SourceLocation(
      fileID: "swift-ipc/\(places[0].file)", filePath: "\(Repository.path)/\(places[0].file)",
      line: places[0].lines.lowerBound, column: 1)
  }

  static let comments = "Comments"
  /// The target of the README's manifest.
  static let tool = "Tool"

  /// A block of a page; nil: not compiled.
  init?(_ snippet: Snippet, of page: String, number: Int) {
    var text = Self.placed(snippet)
    switch snippet.use {
    case .program:
      (runs, isProgram) = (true, true)
    case .compiled:
      (runs, isProgram) = (false, true)
    case .fragment(let before, let after):
      (runs, isProgram) = (false, true)
      text = (before + [text, "#sourceLocation()"] + after).joined(separator: "\n")
    case .manifest, .ignored:
      return nil
    }
    target = "\(page)_\(number)"
    sources = [Source(name: "main.swift", text: text + "\n")]
    places = [Place(file: snippet.file, lines: snippet.range)]
    prints = snippet.prints
  }

  /// A block of a doc comment: the body of a function, among declarations of the names that comments leave out
  /// (`CommentNames.swift`). An ellipsis stands for code that the comment leaves out.
  init(comment: Snippet, number: Int) {
    let imports = Repository.products + ["Distributed", "Foundation"]
    let lines = comment.lines.map { $0.hasPrefix("import ") ? "" : $0.replacing("…", with: "") }
    let text =
      (imports.map { "import \($0)" } + ["func comment\(number)() async throws {"]
      + [Self.placed(comment, lines), "#sourceLocation()", "}", ""]).joined(separator: "\n")
    target = Self.comments
    sources = [Source(name: "Comment\(number).swift", text: text)]
    places = [Place(file: comment.file, lines: comment.range)]
    (runs, isProgram, prints) = (false, false, [])
  }

  /// A demo, with what the demos share and the main that a reader would write.
  init(demo file: String, shared: [String]) {
    let type = String(file.split(separator: "/").last!.dropLast(".swift".count))
    target = type
    sources =
      ([file] + shared).map { file in
        Source(name: String(file.split(separator: "/").last!), text: (try? Repository.text(file)) ?? "")
      } + [Source(name: "main.swift", text: "runDemo(\(type).self)\n")]
    places = ([file] + shared).map { Place(file: $0, lines: 1..<Int.max) }
    (runs, isProgram, prints) = (true, true, [])
  }

  var isDemo: Bool { places[0].file.hasPrefix("Demos/") }

  private init(_ example: Example, target: String) {
    self.target = target
    (sources, places, runs) = (example.sources, example.places, example.runs)
    (isProgram, prints) = (example.isProgram, example.prints)
  }

  /// Whether a message of the compiler is about it: a place in the repository, or in "TARGET/FILE" of the package.
  func contains(_ file: String, _ line: Int) -> Bool {
    places.contains { $0.file == file && $0.lines.contains(line) }
      || sources.contains { "\(target)/\($0.name)" == file }
  }

  /// The same as another target.
  func named(_ target: String) -> Example { Example(self, target: target) }

  /// The lines of a block, so that the compiler names the page.
  private static func placed(_ snippet: Snippet, _ lines: [String]? = nil) -> String {
    "#sourceLocation(file: \"\(snippet.file)\", line: \(snippet.line))\n"
      + (lines ?? snippet.lines).joined(separator: "\n")
  }
}
