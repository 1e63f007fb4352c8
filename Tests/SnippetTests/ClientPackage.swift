import Foundation
import SystemCalls
import Testing

/// A reader's package: the README's `Package.swift`, with a target for each example, beside the repository under a name
/// that isn't the package's. It imports products alone. It stays in `.build/snippets`, so that a second build is
/// incremental.
struct ClientPackage: Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// What the compiler says about each example that doesn't compile, by its first place.
  let failures: [String: String]

  /// Built once per run.
  static let shared = Result { () throws(Failure) in
    do {
      return try ClientPackage(Shown.examples)
    } catch {
      throw error as? Failure ?? Failure(description: "\(error)")
    }
  }

  private static let folder = "\(Repository.path)/.build/snippets"
  private static let package = "\(folder)/Tool"
  /// The repository's name beside the package.
  private static let neighbour = "renamed"
  private static let scratch = "\(folder)/build"
  /// How long a build may take, in seconds: of everything, on a slow machine.
  static let buildLimit: UInt64 = 900

  static func executable(_ example: Example) -> String { "\(scratch)/debug/\(example.target)" }

  private init(_ examples: [Example]) throws {
    guard let manifest = Shown.manifest else {
      throw Failure(description: "the documentation must show one Package.swift")
    }
    guard examples.contains(where: { $0.target == Example.tool }) else {
      throw Failure(description: "\(manifest.file):\(manifest.line): no program follows the manifest")
    }
    var failures: [String: String] = [:]
    while true {
      let compiled = examples.filter { failures[$0.testDescription] == nil }
      try Self.write(compiled, manifest)
      let result = try Self.build()
      if result.succeeded { break }
      // What fails is left out, so that the rest is compiled.
      let found = Self.messages(in: result.output + result.errors, about: compiled)
      guard !found.isEmpty else {
        throw Failure(
          description: """
            the package of the examples (\(Self.package)) doesn't build: \(result.end)
            \((result.output + result.errors).suffix(4000))
            """)
      }
      failures.merge(found) { $1 }
    }
    self.failures = failures
  }

  private static func build() throws -> Program.Result {
    let swift = Processes.variable("SWIFT") ?? "swift"
    return try Program.run(
      "/usr/bin/env", [swift, "build", "--package-path", package, "--scratch-path", scratch],
      within: buildLimit)
  }

  // MARK: - What the compiler says

  /// The messages of the compiler about each example, by its first place.
  static func messages(in log: String, about examples: [Example]) -> [String: String] {
    var found: [String: [String]] = [:]
    var current: (name: String, message: String)?
    func keep() {
      guard let (name, message) = current else { return }
      if found[name]?.contains(message) != true { found[name, default: []].append(message) }
      current = nil
    }
    for line in log.split(separator: "\n") {
      if let (file, number, isError) = place(in: line) {
        keep()
        if isError, let example = examples.first(where: { $0.contains(file, number) }) {
          current = (example.testDescription, String(line))
        }
      } else if line.hasPrefix("[") || line.hasPrefix("error:") {
        keep()
      } else {
        current?.message += "\n\(line)"
      }
    }
    keep()
    // A demo is a copy: what is to be changed is the file in Demos.
    let copies = examples.map { "\(package)/Sources/\($0.target)/" }
    return found.mapValues { messages in
      copies.reduce(messages.joined(separator: "\n")) { $0.replacing($1, with: "Demos/") }
    }
  }

  /// What a line "FILE:LINE:COLUMN: error: …" names: a file of the repository (`#sourceLocation`), or
  /// "TARGET/FILE" of the package.
  private static func place(in line: Substring) -> (file: String, line: Int, isError: Bool)? {
    guard let match = line.wholeMatch(of: /([^:]+):(\d+):\d+: (error|warning|note): .*/),
      let number = Int(match.output.2)
    else { return nil }
    let sources = "\(package)/Sources/"
    let file = match.output.1.hasPrefix(sources) ? match.output.1.dropFirst(sources.count) : match.output.1
    return (String(file), number, match.output.3 == "error")
  }

  // MARK: - Its files

  private static func write(_ examples: [Example], _ manifest: Snippet) throws {
    let files = FileManager.default
    try files.createDirectory(atPath: "\(package)/Sources", withIntermediateDirectories: true)
    let link = "\(folder)/\(neighbour)"
    if (try? files.destinationOfSymbolicLink(atPath: link)) != Repository.path {
      try? files.removeItem(atPath: link)
      try files.createSymbolicLink(atPath: link, withDestinationPath: Repository.path)
    }
    let sources = Dictionary(grouping: examples, by: \.target).mapValues { $0.flatMap(\.sources) }
    for old in try files.contentsOfDirectory(atPath: "\(package)/Sources") where sources[old] == nil {
      try files.removeItem(atPath: "\(package)/Sources/\(old)")
    }
    for (target, sources) in sources {
      let folder = "\(package)/Sources/\(target)"
      let own =
        target == Example.comments ? [Example.Source(name: "Names.swift", text: CommentNames.text)] : []
      try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for old in try files.contentsOfDirectory(atPath: folder)
      where !(sources + own).contains(where: { $0.name == old }) {
        try files.removeItem(atPath: "\(folder)/\(old)")
      }
      for source in sources + own { try write(source.text, to: "\(folder)/\(source.name)") }
    }
    try write(try text(of: manifest, examples), to: "\(package)/Package.swift")
  }

  /// The manifest as the page shows it, with the path of the repository, and with more targets.
  private static func text(of manifest: Snippet, _ examples: [Example]) throws -> String {
    let shown = manifest.lines.joined(separator: "\n")
    guard let path = shown.firstMatch(of: /path: "([^"]+)"/)?.output.1,
      let name = shown.firstMatch(of: /package: "([^"]+)"/)?.output.1
    else {
      throw Failure(description: "\(manifest.file):\(manifest.line): no path: and package: in the manifest")
    }
    let programs = Set(examples.filter(\.isProgram).map(\.target)).subtracting([Example.tool]).sorted()
    return """
      \(shown.replacing("\"\(path)\"", with: "\"../\(neighbour)\""))

      let products: [Target.Dependency] = \(Repository.products).map { .product(name: $0, package: "\(name)") }
      package.targets += \(programs).map { .executableTarget(name: $0, dependencies: products) }
      // A reader sees no warnings either.
      for target in package.targets { target.swiftSettings = [.treatAllWarnings(as: .error)] }
      package.targets.append(.target(name: "\(Example.comments)", dependencies: products))
      // Without those whose examples don't compile.
      package.targets.removeAll { !\(Set(examples.map(\.target)).sorted()).contains($0.name) }

      """
  }

  /// Writes a file unless it has this text, so that what didn't change isn't compiled again.
  private static func write(_ text: String, to path: String) throws {
    if (try? String(contentsOfFile: path, encoding: .utf8)) == text { return }
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }
}
