import Foundation
import IPC
import TestSupport
import Testing

/// What a reader copies compiles, in a package of another name, and runs.
@Suite(.serialized, .leavesNothing([.systemV, .children])) struct SnippetTests {
  @Test("every example and every demo compiles in another package, which uses products alone")
  func everythingCompiles() {
    #expect(ClientPackage.errors == "")
    #expect(ClientPackage.snippets.count { $0.kind == .program } > 10)
    #expect(ClientPackage.demos.count > 15)
  }

  @Test("each example runs to its end", arguments: ClientPackage.snippets.filter { $0.kind == .program })
  func anExampleRuns(_ snippet: Snippet) throws {
    try #require(ClientPackage.isBuilt, "nothing is built")
    let (exit, output) = try ClientPackage.run(ClientPackage.program(snippet.name))
    #expect(exit == .code(0), "\(snippet.file):\(snippet.line): \(output)")
    // A comment says what is printed.
    for line in snippet.text.split(separator: "\n") where line.contains("print(") && !line.contains("{") {
      guard let comment = line.range(of: ") *// [0-9.]+$", options: .regularExpression) else { continue }
      let wanted = line[comment].split(separator: " ").last ?? ""
      #expect(output.split(separator: "\n").contains(wanted), "\(snippet.file):\(snippet.line): \(line)")
    }
  }

  @Test("each demo runs by itself", arguments: ClientPackage.demos)
  func aDemoRuns(_ demo: String) throws {
    try #require(ClientPackage.isBuilt, "nothing is built")
    let (exit, output) = try ClientPackage.run(ClientPackage.program(demo))
    #expect(exit == .code(0), "\(output)")
    #expect(!output.isEmpty)
  }

  @Test("the manifest that the README shows is the one that is built here, but for names and paths")
  func theManifest() throws {
    let shown = try #require(ClientPackage.snippets.first { $0.kind == .manifest }?.text)
    #expect(shown.contains(".package(name: \"swift-ipc\", path: "))
    #expect(shown.contains(".product(name: \"IPC\", package: \"swift-ipc\")"))
  }
}
