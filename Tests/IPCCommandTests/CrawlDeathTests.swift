import Foundation
import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// Workers, the coordinator or both end before their time.
  @Suite(.serialized, .watched) struct CrawlDeathTests {
    /// A worker sleeps once for each page, at least: by then there are more pages to fetch than workers.
    private static let pagesOfMiddle = 50

    /// How often a process has slept: proc(5).
    private static func sleeps(_ process: Int32) -> Int {
      let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
      return line?.split(separator: "\t").last.flatMap { Int($0) } ?? 0
    }

    /// A crawl that takes seconds, in its middle: every worker has its connection to the site, and a page to fetch.
    private func middle(
      _ mechanism: String, pages: Int, more: [String] = []
    ) throws -> (tool: Tool, workers: [Int32], site: Int32) {
      let tool = try Tool(
        [
          "crawl", "--repeats", "1", "--window", "auto", "--work", "site", "--pages", "\(pages)", "--delay",
          "20", "--workers", "2",
          "--mechanism", mechanism,
        ] + more)
      var workers: [Int32] = []
      var sites: [Int32] = []
      let hasBegun = eventually {
        workers = ProcessTable.crawlWorkers(of: tool.id)
        sites = ProcessTable.children(of: tool.id, with: "--embedded")
        return workers.count == 2 && sites.count == 1 && Connections.served(by: sites[0]) >= 2
          && workers.allSatisfy { Self.sleeps($0) > Self.pagesOfMiddle }
      }
      try #require(hasBegun, "the crawl doesn't begin: \(tool.errors)")
      return (tool, workers, sites[0])
    }

    @Test(arguments: ["memory", "queue", "tcp"]) func aKilledWorkersJobsAreDoneByAnother(
      _ mechanism: String
    ) throws {
      let folder = try Folder()
      let (tool, workers, _) = try middle(
        mechanism, pages: 400, more: ["--json", "--output", folder.path + "/pages"])
      kill(workers[0], SIGKILL)
      let result = tool.wait()
      #expect(result.code == 0, "\(result.errors)")
      let document = try CrawlDocument(result.output)
      let run = try #require(document.runs.first)
      #expect(run.pages == 400)
      #expect(run.failed == 0)
      #expect(run.requeued > 0)
      #expect(document.samePages == true)
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.count == 400)
      #expect(Set(pages.map(\.url)).count == 400)
    }

    @Test(arguments: ["queue", "semaphore", "memory"]) func nothingOutlivesAKilledCoordinator(
      _ mechanism: String
    ) throws {
      let before = SystemSnapshot.systemVObjects()
      let (tool, workers, site) = try middle(mechanism, pages: 2000)
      let made = SystemSnapshot.systemVObjects().subtracting(before)
      // Shared memory may be a file that has no name.
      if mechanism != "memory" { #expect(!made.isEmpty) }
      tool.signal(SIGKILL)
      #expect(tool.wait().code == nil)
      #expect(eventually { !(workers + [site]).contains(where: ProcessTable.isAlive) })
      #expect(eventually { made.isDisjoint(with: SystemSnapshot.systemVObjects()) })
    }

    @Test(arguments: mainMechanisms) func ctrlCEndsItCleanly(
      _ mechanism: String
    ) throws {
      let before = SystemSnapshot.systemVObjects()
      let (tool, workers, site) = try middle(mechanism, pages: 2000)
      let made = SystemSnapshot.systemVObjects().subtracting(before)
      tool.signal(SIGINT)
      let result = tool.wait()
      #expect(result.code == 130)
      #expect(result.errors.isEmpty)
      let rows = result.output.split(separator: "\n").filter { $0.hasPrefix(mechanism + " ") }
      #expect(rows.count == 1, "\(result.output)")
      #expect(eventually { !(workers + [site]).contains(where: ProcessTable.isAlive) })
      #expect(eventually { made.isDisjoint(with: SystemSnapshot.systemVObjects()) })
      let left = (try? Files.names(in: tool.records)) ?? []
      #expect(left.isEmpty)
    }

    @Test("the process that coordinates a crawl is killed: an error, and nothing is left")
    func aKilledCoordinatingProcess() throws {
      let (tool, workers, site) = try middle("pipe", pages: 2000)
      let coordinators = ProcessTable.children(of: tool.id, with: "--crawl-coordinator")
      try #require(coordinators.count == 1)
      kill(coordinators[0], SIGKILL)
      let result = tool.wait()
      #expect(result.code == 1)
      #expect(result.errors.contains("ended before the crawl (signal 9)"), "\(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1)
      #expect(eventually { !(workers + [site]).contains(where: ProcessTable.isAlive) })
    }

    @Test("the process that coordinates a crawl ends under ulimit -v: the error names the limit")
    func aLimitOfMemory() throws {
      let crawl = "crawl --repeats 1 --work site --pages 2000 --delay 20 --workers 2 --mechanism pipe"
      // Far more than it needs.
      let tool = try Tool(["-c", "ulimit -v 16000000; exec \"$0\" \(crawl)", Tool.path], program: "/bin/sh")
      var coordinators: [Int32] = []
      let hasBegun = eventually {
        coordinators = ProcessTable.children(of: tool.id, with: "--crawl-coordinator")
        return coordinators.count == 1 && ProcessTable.crawlWorkers(of: tool.id).count == 2
      }
      try #require(hasBegun, "the crawl doesn't begin: \(tool.errors)")
      kill(coordinators[0], SIGKILL)
      let result = tool.wait()
      #expect(result.code == 1)
      #expect(result.errors.contains("(signal 9)") && result.errors.contains("ulimit -v"), "\(result.errors)")
    }

    @Test("the test site is killed: the error says so, and isn't the crawl's")
    func aKilledSite() throws {
      let (tool, workers, site) = try middle("pipe", pages: 2000)
      kill(site, SIGKILL)
      let result = tool.wait()
      #expect(result.code == 1)
      #expect(result.errors.contains("the test site ended during the crawl (signal 9)"), "\(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty)
      #expect(eventually { !workers.contains(where: ProcessTable.isAlive) })
    }

    @Test func ctrlCStartsNoOtherMechanism() throws {
      let (tool, _, _) = try middle("memory,pipe,queue", pages: 2000, more: ["--json"])
      tool.signal(SIGINT)
      let result = tool.wait()
      #expect(result.code == 130)
      let document = try CrawlDocument(result.output)
      #expect(document.runs.count == 1 && document.interrupted && document.samePages == nil)
      #expect(document.runs.allSatisfy { $0.pages < 2000 })
    }

    @Test("Ctrl-C among many repeats prints those that were measured")
    func ctrlCKeepsWhatWasMeasured() throws {
      let tool = try Tool([
        "crawl", "--work", "nothing", "--pages", "2000", "--workers", "1", "--mechanism", "pipe,memory",
        "--window",
        "auto", "--repeats", "10000", "--json",
      ])
      // One to warm up, and one that is measured, in each of two processes: at least one crawl has ended.
      var seen: Set<Int32> = []
      let hasBegun = eventually {
        seen.formUnion(ProcessTable.crawlWorkers(of: tool.id))
        return seen.count >= 4
      }
      #expect(hasBegun)
      tool.signal(SIGINT)
      let result = tool.wait()
      #expect(result.code == 130)
      let document = try CrawlDocument(result.output)
      #expect(document.interrupted)
      #expect(!document.runs.isEmpty)
      for run in document.runs {
        #expect(run.pages == 2000 && run.repeats == run.each.count && run.repeats < 10_000)
      }
    }
  }
}
