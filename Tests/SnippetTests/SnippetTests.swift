import TestSupport
import Testing

/// What the documentation shows compiles and runs where a reader pastes it, and so do the demos.
@Suite(
  .serialized, .leavesNothing([.systemV, .files, .children], directories: { [Workspace.records] }),
  .watched(seconds: ClientPackage.buildLimit + 90))
struct SnippetTests {
  /// How long a program of the documentation may run, in seconds.
  private static let programLimit: UInt64 = 60

  @Test func everyMarkIsUnderstood() {
    for problem in Shown.problems { Issue.record("\(problem)") }
    #expect(Shown.snippets.count > 10)
  }

  /// Each name is used once, by a target or by a file of one.
  @Test func everyExampleHasATarget() {
    let names = Shown.examples.map { "\($0.target)/\($0.sources[0].name)" }
    #expect(Set(names).count == names.count)
  }

  /// The tool's list contains each demo, and nothing else.
  @Test func everyDemoIsListed() throws {
    let listed = try Repository.text("Demos/DemoCatalogue.swift").matches(of: /(\w+Demo)\.self/)
    #expect(listed.map { String($0.output.1) }.sorted() == Shown.demos.map(\.target).sorted())
  }

  /// Says once why nothing is built, where that isn't an example's fault.
  @Test func thePackageOfTheReadmeBuilds() throws {
    _ = Workspace.directory
    _ = try ClientPackage.shared.get()
  }

  @Test(arguments: Shown.examples) func anExampleCompilesAndRuns(_ example: Example) throws {
    Watchdog.at(example.testDescription)
    _ = Workspace.directory
    let package = try #require(try? ClientPackage.shared.get(), "nothing is built")
    if let failure = package.failures[example.testDescription] {
      Issue.record("doesn't compile:\n\(failure)", sourceLocation: example.location)
      return
    }
    guard example.runs else { return }
    let result = try Program.run(ClientPackage.executable(example), within: Self.programLimit)
    if example.isDemo { #expect(!result.output.isEmpty, sourceLocation: example.location) }
    var missing = example.prints[...]
    for line in result.output.split(separator: "\n") where missing.first == String(line) {
      missing.removeFirst()
    }
    if result.succeeded, missing.isEmpty { return }
    let lacks = missing.first.map { ", without the line \"\($0)\" where it is shown" } ?? ""
    Issue.record(
      """
      ends with \(result.end)\(lacks)
      it printed:
      \(result.output)\(result.errors)
      """, sourceLocation: example.location)
  }
}
