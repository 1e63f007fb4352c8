import Foundation
import Glibc
import TestSupport
import Testing

extension AllCommandTests {
  /// The commands beside `crawl`.
  @Suite(.serialized, .watched) struct CommandTests {
    private struct Row: Decodable {
      let name: String
      let variant: Bool
      let summary: String
      let address: String
      let calls: [String]
      let carries: String
    }

    @Test func theMechanismsAreListed() throws {
      let table = try Tool.run("mechanisms")
      #expect(table.code == 0)
      #expect(table.errors.isEmpty)
      let listed = try Tool.run("mechanisms", "--json")
      #expect(listed.code == 0)
      let rows = try JSONDecoder().decode([Row].self, from: Data(listed.output.utf8))
      #expect(rows.filter { !$0.variant }.map(\.name) == mainMechanisms)
      #expect(rows.contains { $0.variant })
      #expect(Set(rows.map(\.name)).count == rows.count)
      for row in rows {
        #expect(table.output.contains("\(row.name): \(row.summary)"))
        #expect(!row.calls.isEmpty)
        #expect(row.address.hasPrefix(row.name))
      }
    }

    @Test func theMechanismsThatAreNamedAreListed() throws {
      let table = try Tool.run("mechanisms", "fifo", "pipe")
      #expect(table.code == 0, "\(table.errors)")
      let headings = table.output.split(separator: "\n").filter { line in
        ["pipe", "fifo", "queue", "popen"].contains { line.hasPrefix("\($0): ") }
      }
      #expect(headings.map { $0.prefix(4) } == ["pipe", "fifo"])
      let listed = try Tool.run("mechanisms", "popen", "memory", "--json")
      let rows = try JSONDecoder().decode([Row].self, from: Data(listed.output.utf8))
      #expect(rows.map(\.name) == ["memory", "popen"])
      #expect(rows.map(\.carries) == ["messages", "lines"])
    }

    /// The package's folder.
    private let repository = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

    private struct DemoRow: Decodable {
      let name: String
      let summary: String
    }

    private func demos() throws -> [DemoRow] {
      let result = try Tool.run("demo", "--json")
      #expect(result.code == 0, "\(result.errors)")
      return try JSONDecoder().decode([DemoRow].self, from: Data(result.output.utf8))
    }

    @Test func everyMechanismHasADemoOfItsName() throws {
      let names = try demos().map(\.name)
      #expect(Array(names.prefix(mainMechanisms.count)) == mainMechanisms)
      #expect(Set(names).count == names.count)
    }

    @Test func demosAreListedWithoutAName() throws {
      let result = try Tool.run("demo")
      #expect(result.code == 2)
      #expect(result.output.isEmpty)
      for demo in try demos() {
        let line = result.errorLines.first { $0.hasPrefix("  \(demo.name) ") }
        #expect(line?.hasSuffix(demo.summary) == true, "\(demo.name)")
      }
    }

    @Test func helpBesideADemosNameHasItInItsExample() throws {
      for words in [["select", "--help"], ["--help", "select"], ["select", "pipe", "-h"]] {
        #expect(try Tool.run(["demo"] + words).output.hasPrefix("example: ipc demo select\n"))
      }
      #expect(try Tool.run("demo", "--help").output.hasPrefix("example: ipc demo pipe\n"))
    }

    @Test func aDemoRunsByItsName() throws {
      let result = try Tool.run("demo", "pipe")
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.output.split(separator: "\n").count > 1)
    }

    /// Several run in turn, each under its heading.
    @Test func demosRunByTheirNames() throws {
      let result = try Tool.run("demo", "sequential", "pipe")
      #expect(result.code == 0, "\(result.errors)")
      let lines = result.output.split(separator: "\n")
      let headings = lines.filter { $0.hasPrefix("== ") }
      #expect(headings.map { $0.prefix { $0 != ":" } } == ["== sequential", "== pipe"])
      #expect(lines.count > 4)
    }

    /// Every demo runs, in the catalogue's order, and prints something under its heading.
    @Test func allDemosShowSomething() throws {
      let result = try Tool.run("demo", "--all")
      #expect(result.code == 0, "\(result.errors)")
      var sections: [(heading: String, lines: Int)] = []
      for line in result.output.split(separator: "\n").map(String.init) {
        if line.hasPrefix("== ") {
          sections.append((line, 0))
        } else {
          try #require(!sections.isEmpty, "\(line)")
          sections[sections.count - 1].lines += 1
        }
      }
      #expect(sections.map(\.heading) == (try demos().map { "== \($0.name): \($0.summary)" }))
      for section in sections { #expect(section.lines > 1, "\(section.heading)") }
    }

    /// With room for one descriptor beside the standard three, the first demo's pipe2(2) fails (EMFILE).
    @Test func allDemosStopAtTheFirstThatFails() throws {
      let command = "ulimit -n 4; exec \"$0\" demo --all"
      let result = try Tool(["-c", command, Tool.path], program: "/bin/sh").wait()
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.errors.hasPrefix("ipc: demo pipe failed: "), "\(result.errors)")
      #expect(result.output.split(separator: "\n").count == 1, "\(result.output)")
    }

    /// The names in the list of a help text: two spaces, the name, and its summary.
    private func listed(_ help: String, after heading: String) throws -> [String] {
      let start = try #require(help.range(of: heading)).upperBound
      return help[start...].split(separator: "\n\n")[0].split(separator: "\n").compactMap { line in
        line.split(separator: " ").first.map(String.init)
      }
    }

    @Test func helpOfEveryCommandBeginsWithAnExample() throws {
      let commands = try listed(Tool.run("--help").output, after: "of the system.\n\n")
      #expect(commands.contains("crawl") && commands.contains("bench"))
      let subcommands = try listed(Tool.run("bench", "--help").output, after: "Subcommands")
      #expect(subcommands.contains("advise"))
      for command in commands.map({ [$0] }) + subcommands.dropFirst().map({ ["bench", $0] }) {
        for flag in ["--help", "-h"] {
          let result = try Tool.run(command + [flag])
          let words = command.joined(separator: " ")
          #expect(result.code == 0)
          #expect(result.errors.isEmpty)
          #expect(result.output.hasPrefix("example: ipc \(words)"))
          #expect(result.output.contains("\nusage: ipc \(words)"))
          let asked = try Tool.run(["help"] + command)
          #expect(asked.code == 0)
          #expect(asked.errors.isEmpty)
          #expect(asked.output == result.output, "ipc help \(words)")
        }
      }
    }

    @Test func theToolItselfExplains() throws {
      for words in [["--help"], ["-h"], ["help"], ["help", "help"], ["help", "--help"]] {
        let result = try Tool.run(words)
        #expect(result.code == 0)
        for command in ["crawl", "bench", "mechanisms", "demo", "site"] {
          #expect(result.output.contains(command))
        }
      }
      // The version is that of the newest section of the changelog that is released.
      let changelog = try String(contentsOfFile: repository + "/CHANGELOG.md", encoding: .utf8)
      let section = try #require(
        changelog.split(separator: "\n").first { $0.hasPrefix("## [") && $0 != "## [Unreleased]" })
      let release = section.dropFirst(4).prefix { $0 != "]" }
      #expect(try Tool.run("--version").output == "ipc \(release)\n")
      let bare = try Tool(.init()).wait()
      #expect(bare.code == 2)
      #expect(bare.output.isEmpty && bare.errors.contains("usage:"))
    }

    @Test func theSiteEndsWithCtrlC() throws {
      let server = try BackgroundSite(pages: 3)
      server.tool.signal(SIGINT)
      let result = server.tool.wait()
      #expect(result.code == 130)
      #expect(result.errors.isEmpty)
    }
  }
}
