import Foundation
import Glibc
import TestSupport
import Testing

extension AllToolTests {
  /// The commands beside `crawl`.
  @Suite(.serialized, .watched) struct CommandTests {
    private struct Row: Decodable {
      let name: String
      let variant: Bool
      let summary: String
      let address: String
      let calls: [String]
    }

    @Test func theMechanismsAreListed() throws {
      let table = try Tool.run("mechanisms")
      #expect(table.code == 0)
      #expect(table.errors.isEmpty)
      let listed = try Tool.run("mechanisms", "--json")
      #expect(listed.code == 0)
      let rows = try JSONDecoder().decode([Row].self, from: Data(listed.output.utf8))
      #expect(rows.filter { !$0.variant }.map(\.name) == sevenMechanisms)
      #expect(rows.contains { $0.variant })
      #expect(Set(rows.map(\.name)).count == rows.count)
      for row in rows {
        #expect(table.output.contains("\(row.name): \(row.summary)"))
        #expect(!row.calls.isEmpty)
        #expect(row.address.hasPrefix(row.name))
      }
    }

    @Test(
      arguments: [
        "pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp", "sequential", "threads", "callbacks",
        "generators", "futures",
        "async", "channels", "select", "scheduler", "actors", "processes",
      ])
    func aDemoShowsSomething(_ name: String) throws {
      let result = try Tool.run("demo", name)
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.output.split(separator: "\n").count > 1)
    }

    @Test(arguments: ["crawl", "mechanisms", "demo", "site"]) func helpHasAnExample(_ command: String) throws
    {
      for flag in ["--help", "-h"] {
        let result = try Tool.run(command, flag)
        #expect(result.code == 0)
        #expect(result.errors.isEmpty)
        #expect(result.output.contains("example"))
        #expect(result.output.contains("ipc \(command)"))
      }
    }

    @Test func theToolItselfExplains() throws {
      for word in ["--help", "-h", "help"] {
        let result = try Tool.run(word)
        #expect(result.code == 0)
        for command in ["crawl", "mechanisms", "demo", "site"] { #expect(result.output.contains(command)) }
      }
      #expect(try Tool.run("--version").output.hasPrefix("ipc "))
      let bare = try Tool(.init()).wait()
      #expect(bare.code == 2)
      #expect(bare.output.contains("usage:"))
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
