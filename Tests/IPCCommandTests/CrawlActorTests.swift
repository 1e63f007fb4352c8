import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// The crawl by distributed actors, one in each worker process.
  @Suite(.serialized, .watched) struct CrawlActorTests {
    @Test func aRowInOneProcessAndOneForEachMechanism() throws {
      let result = try Tool.run(
        "crawl", "--repeats", "1", "--model", "actors", "--work", "site", "--pages", "60", "--workers", "2",
        "--json")
      #expect(result.code == 0, "\(result.errors)")
      let document = try ModelDocument(result.output)
      #expect(document.runs.allSatisfy { $0.model == "actors" && $0.pages == 60 && $0.failed == 0 })
      #expect(document.runs.map(\.mechanism) == [nil] + mainMechanisms)
      #expect(document.runs.map(\.processes) == [1] + mainMechanisms.map { _ in 3 })
      #expect(document.samePages == true)
    }

    /// In the middle of its page: the page is fetched again, by the process in its place.
    @Test func aKilledWorkersPageIsFetchedByAnother() throws {
      let folder = try Folder()
      let tool = try Tool([
        "crawl", "--repeats", "1", "--model", "actors", "--mechanism", "memory", "--work", "slow", "--pages",
        "12", "--delay",
        "1500", "--workers", "12", "--json", "--output", folder.path + "/pages",
      ])
      let workers = try middle(tool, 12)
      kill(workers[5], SIGKILL)
      let result = tool.wait()
      #expect(result.code == 0, "\(result.errors)")
      let document = try ModelDocument(result.output)
      #expect(document.runs.last?.mechanism == "memory")
      #expect(document.runs.last?.pages == 12)
      #expect(document.runs.last?.failed == 0)
      #expect(document.samePages == true)
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(Set(pages.map(\.url)).count == 12)
    }

    /// Of three workers one has the first page, and two wait; whichever die, the crawl goes on.
    @Test(arguments: ["site", "slow"]) func idleWorkersThatAreKilledAreReplaced(_ work: String) throws {
      let tool = try Tool([
        "crawl", "--repeats", "1", "--model", "actors", "--mechanism", "memory", "--work", work, "--pages",
        "8", "--delay",
        "700",
        "--workers", "3", "--json",
      ])
      var workers: [Int32] = []
      let isThere = eventually {
        workers = ProcessTable.crawlWorkers(of: tool.id, with: "--crawl-actor")
        return workers.count == 3
      }
      try #require(isThere, "the crawl doesn't begin: \(tool.errors)")
      for worker in workers.prefix(2) { kill(worker, SIGKILL) }
      let result = tool.wait()
      #expect(result.code == 0, "\(result.errors)")
      let document = try ModelDocument(result.output)
      #expect(document.runs.last?.pages == 8)
      #expect(document.runs.last?.failed == 0)
      #expect(document.samePages == true)
    }

    @Test func ctrlCLeavesNoProcess() throws {
      let tool = try Tool([
        "crawl", "--repeats", "1", "--model", "actors", "--mechanism", "memory", "--work", "slow", "--pages",
        "6", "--delay",
        "4000", "--workers", "6",
      ])
      let workers = try middle(tool, 6)
      tool.signal(SIGINT)
      let result = tool.wait()
      #expect(result.code == 130)
      #expect(result.errors.isEmpty)
      #expect(eventually { !workers.contains(where: ProcessTable.isAlive) })
    }

    /// Each worker has its page to fetch.
    private func middle(_ tool: Tool, _ count: Int) throws -> [Int32] {
      var workers: [Int32] = []
      let hasBegun = eventually {
        workers = ProcessTable.crawlWorkers(of: tool.id, with: "--crawl-actor")
        let sites = ProcessTable.children(of: tool.id, with: "--embedded")
        return workers.count == count && sites.count == 1 && Connections.served(by: sites[0]) >= count
      }
      try #require(hasBegun, "the crawl doesn't begin: \(tool.errors)")
      return workers
    }
  }
}
