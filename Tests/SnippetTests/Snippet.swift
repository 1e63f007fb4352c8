/// A block of Swift in the documentation, and what is done with it.
struct Snippet: Sendable {
  enum Use: Equatable {
    /// A whole program: compiled as pasted at the top level of `main.swift`, and run.
    case program
    /// A whole program that is compiled alone, for a reason.
    case compiled(String)
    /// Compiled between lines that the page doesn't show.
    case fragment(before: [String], after: [String])
    /// Text of a `Package.swift`.
    case manifest
    /// Not compiled, for a reason.
    case ignored(String)
  }

  /// The file, from the repository's folder.
  let file: String
  /// The number of the block's first line in the file.
  let line: Int
  let lines: [String]
  let use: Use
  /// The lines that it prints, in this order, perhaps with others between them.
  let prints: [String]

  var range: Range<Int> { line..<line + lines.count }
}

/// A mark that isn't one of the known ones, or stands where there is no block.
struct MarkProblem: Error, Equatable, CustomStringConvertible {
  let file: String
  let line: Int
  let text: String

  var description: String { "\(file):\(line): \(text)" }
}
