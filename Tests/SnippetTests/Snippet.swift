import Glibc
import Testing

/// A Swift example of the documentation.
struct Snippet: Sendable, CustomTestStringConvertible {
  /// How a page marks an example, in an HTML comment on the line before it.
  enum Kind: Equatable, Sendable {
    /// A whole main.swift, which ends by itself with exit code 0.
    case program
    /// A whole main.swift that waits for another process, or doesn't end: compiled only.
    case compiled
    /// Declarations or statements that need others: not compiled.
    case excerpt
    /// A Package.swift.
    case manifest
  }

  let file: String
  let line: Int
  let kind: Kind
  let text: String

  /// The name of its target.
  var name: String {
    let stem = file.split(separator: "/").last.map { $0.split(separator: ".")[0] } ?? "page"
    return "\(stem)_\(line)"
  }
  var testDescription: String { "\(file):\(line)" }

  /// The examples of a page. A block without a mark is a program.
  static func all(in text: String, of file: String) -> [Snippet] {
    var found: [Snippet] = []
    var lines: [Substring] = []
    var start: Int?
    var kind = Kind.program
    var before: Substring = ""
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if let first = start {
        if line.hasPrefix("```") {
          found.append(
            Snippet(file: file, line: first, kind: kind, text: lines.joined(separator: "\n") + "\n"))
          start = nil
        } else {
          lines.append(line)
        }
      } else if line == "```swift" {
        start = index + 2
        lines = []
        kind =
          before.contains("snippet: compiled")
          ? .compiled : before.contains("snippet: excerpt") ? .excerpt : .program
      }
      if start == index + 2, before.isEmpty { continue }
      if !line.isEmpty { before = line }
    }
    return found.map { snippet in
      guard snippet.text.contains("import PackageDescription") else { return snippet }
      return Snippet(file: snippet.file, line: snippet.line, kind: .manifest, text: snippet.text)
    }
  }
}
