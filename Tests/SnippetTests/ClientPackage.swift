import Foundation
import IPC
import SystemCalls
import Testing

/// A package that depends on this one as the README says, under another name than this folder's, with a program for each
/// example of the documentation and for each demo.
enum ClientPackage {
  /// This repository.
  static let repository: String = {
    let file = #filePath
    return file.components(separatedBy: "/Tests/SnippetTests/")[0]
  }()

  private static let scratch = repository + "/.build/snippets"
  private static let folder = scratch + "/client"
  private static let products = ["IPC", "IPCJSON", "IPCWorkers", "IPCActors", "ConcurrencyModels"]

  // MARK: What it contains

  /// Every example of the README and of the documentation catalogues.
  static let snippets: [Snippet] = {
    var pages = ["README.md"]
    let sources = repository + "/Sources"
    let names = FileManager.default.enumerator(atPath: sources)?.compactMap { $0 as? String } ?? []
    pages += names.filter { $0.contains(".docc/") && $0.hasSuffix(".md") }.sorted().map { "Sources/\($0)" }
    return pages.flatMap { page in
      Snippet.all(in: (try? String(contentsOfFile: "\(repository)/\(page)", encoding: .utf8)) ?? "", of: page)
    }
  }()

  /// The demos' types: `PipeDemo`, of `Demos/PipeDemo.swift`.
  static let demos: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: repository + "/Demos")) ?? []
    return names.filter { $0.hasSuffix("Demo.swift") && $0 != "Demo.swift" }.map { String($0.dropLast(6)) }
      .sorted()
  }()

  // MARK: Building it

  /// The compiler's errors; empty where everything is built.
  static let errors: String = {
    do {
      try write()
      return try build()
    } catch {
      return "\(error)"
    }
  }()

  static var isBuilt: Bool { errors.isEmpty }

  /// The program of a target.
  static func program(_ target: String) -> String { "\(scratch)/build/debug/\(target)" }

  private static func write() throws {
    try? FileManager.default.removeItem(atPath: folder)
    var targets: [String] = []
    func add(_ name: String, _ main: String, copying files: [String] = []) throws {
      let place = "\(folder)/Sources/\(name)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      try main.write(toFile: "\(place)/main.swift", atomically: true, encoding: .utf8)
      for file in files {
        try FileManager.default.copyItem(
          atPath: "\(repository)/Demos/\(file)", toPath: "\(place)/\(file)")
      }
      targets.append(name)
    }
    for snippet in snippets where snippet.kind == .program || snippet.kind == .compiled {
      // The compiler names the page, and the line in it.
      let location = "#sourceLocation(file: \"\(snippet.file)\", line: \(snippet.line))\n"
      try add(snippet.name, location + snippet.text)
    }
    for demo in demos { try add(demo, "runDemo(\(demo).self)\n", copying: ["Demo.swift", "\(demo).swift"]) }
    let uses = products.map { ".product(name: \"\($0)\", package: \"swift-ipc\")" }.joined(separator: ", ")
    let list = targets.map { "    .executableTarget(name: \"\($0)\", dependencies: [\(uses)])" }
    let manifest = """
      // swift-tools-version: 6.3
      import PackageDescription

      let package = Package(
        name: "Client",
        dependencies: [.package(name: "swift-ipc", path: "\(repository)")],
        targets: [
      \(list.joined(separator: ",\n"))
        ])

      """
    try manifest.write(toFile: "\(folder)/Package.swift", atomically: true, encoding: .utf8)
  }

  private static func build() throws -> String {
    let output = "\(scratch)/build.log"
    let swift = Processes.variable("SWIFT") ?? "swift"
    var build = try ChildProcess.spawn(
      "/bin/sh",
      arguments: [
        "-c", "exec \"$0\" build --package-path \"$1\" --scratch-path \"$2\" >\"$3\" 2>&1", swift, folder,
        "\(scratch)/build", output,
      ])
    let exit = try build.wait(within: .seconds(1200))
    if exit == .code(0) { return "" }
    let log = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
    let lines = log.split(separator: "\n").filter { $0.contains("error:") }
    return lines.isEmpty
      ? "swift build: \(String(describing: exit)), see \(output)" : lines.joined(separator: "\n")
  }

  // MARK: Running a program

  /// What a program printed, and how it ended; nil: it didn't, and was killed.
  static func run(_ program: String) throws -> (exit: ChildProcess.Exit?, output: String) {
    let output = "\(scratch)/\(UUID().uuidString).out"
    let records = "\(scratch)/\(UUID().uuidString).records"
    defer {
      try? FileManager.default.removeItem(atPath: output)
      try? FileManager.default.removeItem(atPath: records)
    }
    var child = try ChildProcess.spawn(
      "/bin/sh", arguments: ["-c", "exec \"$0\" >\"$1\" 2>&1", program, output]
    ) { $0.environment = ["IPC_RUNTIME_DIRECTORY": records] }
    let exit = try child.wait(within: .seconds(60))
    if exit == nil { child.kill() }
    return (exit, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
  }
}
