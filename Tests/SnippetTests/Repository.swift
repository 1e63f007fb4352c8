import Foundation

/// The files of the repository that the tests read.
enum Repository {
  static let path = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

  static func text(_ file: String) throws -> String {
    try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
  }

  /// The files below a folder, from the repository's folder, in order.
  static func files(below folder: String, suffix: String) -> [String] {
    let names =
      FileManager.default.enumerator(atPath: "\(path)/\(folder)")?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(suffix) }.map { "\(folder)/\($0)" }.sorted()
  }

  /// The library products, which the manifest lists one on a line.
  static let products: [String] = {
    let manifest = (try? text("Package.swift")) ?? ""
    return manifest.matches(of: /\.library\(name: "(\w+)"/).map { String($0.output.1) }
  }()

  /// README.md, and the pages of the products.
  static var pages: [String] {
    ["README.md"] + products.flatMap { files(below: "Sources/\($0)/\($0).docc", suffix: ".md") }
  }

  static var sources: [String] { products.flatMap { files(below: "Sources/\($0)", suffix: ".swift") } }
}

/// Everything that the documentation and the demos show.
enum Shown {
  private static let pages: [SnippetExtractor] = Repository.pages.map { file in
    SnippetExtractor(page: (try? Repository.text(file)) ?? "", file: file)
  }
  private static let sources: [SnippetExtractor] = Repository.sources.map { file in
    SnippetExtractor(source: (try? Repository.text(file)) ?? "", file: file)
  }

  static var problems: [MarkProblem] { pages.flatMap(\.problems) }
  static var snippets: [Snippet] { pages.flatMap(\.snippets) }

  /// The README's `Package.swift`; nil: there is none, or several.
  static let manifest: Snippet? = {
    let found = snippets.filter { $0.use == .manifest }
    return found.count == 1 ? found[0] : nil
  }()

  static let examples: [Example] = {
    var examples: [Example] = []
    for page in pages {
      let name = String(page.snippets.first?.file.split(separator: "/").last?.dropLast(".md".count) ?? "")
      for (index, snippet) in page.snippets.enumerated() {
        if let example = Example(snippet, of: name, number: index + 1) { examples.append(example) }
      }
    }
    // The program that follows the manifest is that of its target.
    let isTool = { (example: Example) in
      guard let manifest else { return false }
      return example.places[0].file == manifest.file && example.places[0].lines.lowerBound > manifest.line
    }
    if let tool = examples.firstIndex(where: isTool) { examples[tool] = examples[tool].named(Example.tool) }
    return examples + comments + demos
  }()

  private static var comments: [Example] {
    sources.flatMap(\.snippets).enumerated().map { index, snippet in
      Example(comment: snippet, number: index + 1)
    }
  }

  static let demos: [Example] = {
    let files = Repository.files(below: "Demos", suffix: ".swift")
    let isDemo = { (file: String) in file.hasSuffix("Demo.swift") && file != "Demos/Demo.swift" }
    // The list is the tool's; the rest is what the demos share.
    let shared = files.filter { !isDemo($0) && $0 != "Demos/DemoCatalogue.swift" }
    return files.filter(isDemo).map { Example(demo: $0, shared: shared) }
  }()
}
