import TestSupport
import Testing

extension AllCommandTests {
  /// `ipc crawl` without failures.
  @Suite(.serialized, .watched) struct CrawlCommandTests {
    @Test func everyMechanismCrawlsTheSamePages() throws {
      let result = try Tool.run("crawl", "--work", "site", "--pages", "60", "--workers", "2", "--json")
      #expect(result.code == 0)
      #expect(result.errors.isEmpty)
      let document = try CrawlDocument(result.output)
      #expect(document.workload.kind == "site")
      #expect(document.workload.pages == 60)
      #expect(document.workload.workers == 2)
      #expect(document.machine.cpus > 0)
      #expect(!document.machine.kernel.isEmpty)
      #expect(document.samePages == true)
      #expect(document.runs.map(\.mechanism) == mainMechanisms)
      for run in document.runs {
        #expect(run.workers == 2, "\(run.mechanism)")
        #expect(run.pages == 60, "\(run.mechanism)")
        #expect(run.failed == 0, "\(run.mechanism)")
        #expect(run.requeued == 0, "\(run.mechanism)")
        #expect(run.wallS > 0, "\(run.mechanism)")
        #expect(run.pagesPerS > 0, "\(run.mechanism)")
        #expect(run.coordinationUsPerPage >= 0, "\(run.mechanism)")
        // User time alone: the kernel's share of so short a run may round to nothing.
        #expect(run.cpuUserS > 0, "\(run.mechanism)")
        #expect(run.cpuSystemS >= 0, "\(run.mechanism)")
        #expect(run.switchesVoluntary > 0, "\(run.mechanism)")
        #expect(run.switchesInvoluntary >= 0, "\(run.mechanism)")
        #expect(run.dispatchUs.p50 > 0, "\(run.mechanism)")
        #expect(run.dispatchUs.p50 <= run.dispatchUs.p99, "\(run.mechanism)")
        #expect(run.dispatchUs.p99 <= run.dispatchUs.max, "\(run.mechanism)")
        #expect(run.channelBytes > 60, "\(run.mechanism)")
        #expect(run.peakRssKb > 0, "\(run.mechanism)")
      }
    }

    @Test func theOutputFileHasEachPageOnce() throws {
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", "--work", "site", "--pages", "80", "--workers", "2", "--mechanism", "memory", "--output",
        folder.path + "/pages")
      #expect(result.code == 0)
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.count == 80)
      #expect(Set(pages.map(\.url)).count == 80)
      #expect(pages.count { $0.depth == 0 } == 1)
      let known = Set(pages.map(\.url))
      for page in pages {
        #expect(page.status == 200)
        #expect(page.bytes > 100)
        #expect(page.milliseconds > 0)
        #expect((0..<2).contains(page.worker))
        #expect(page.title.hasPrefix("Page "))
        #expect(page.failure == nil)
        #expect(!page.links.isEmpty)
        #expect(known.isSuperset(of: page.links))
      }
    }

    @Test func theOutputFileIsOfTheFirstMechanism() throws {
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", "--pages", "10", "--workers", "1", "--mechanism", "pipe,tcp", "--output",
        folder.path + "/pages")
      #expect(result.code == 0)
      #expect(try OutputPage.read(folder.text("pages")).count == 10)
    }

    @Test func slowPagesTakeTheirTime() throws {
      let result = try Tool.run(
        "crawl", "--work", "slow", "--pages", "4", "--delay", "300", "--workers", "4", "--mechanism", "pipe",
        "--json")
      #expect(result.code == 0)
      let run = try #require(try CrawlDocument(result.output).runs.first)
      #expect(run.pages == 4)
      #expect(run.failed == 0)
      #expect(run.wallS >= 0.3)
    }

    @Test(arguments: mainMechanisms) func jobsThatDoNothing(_ mechanism: String) throws {
      let result = try Tool.run(
        "crawl", "--work", "nothing", "--pages", "5000", "--workers", "2", "--mechanism", mechanism, "--json")
      #expect(result.code == 0)
      let document = try CrawlDocument(result.output)
      #expect(document.runs.map(\.mechanism) == [mechanism])
      #expect(document.runs.map(\.pages) == [5000])
      #expect(document.runs.map(\.failed) == [0])
    }

    @Test func theTableNamesWhatItCompares() throws {
      let result = try Tool.run("crawl", "--pages", "5", "--workers", "1", "--mechanism", "tcp,memory,tcp")
      #expect(result.code == 0)
      let firsts = result.output.split(separator: "\n").compactMap { $0.split(separator: " ").first }
      // In the order asked for, and each once.
      #expect(firsts.filter { $0 == "tcp" || $0 == "memory" } == ["tcp", "memory"])
    }

    @Test func depthAndLimitBoundACrawl() throws {
      let limited = try Tool.run(
        "crawl", "--pages", "100", "--limit", "7", "--workers", "2", "--mechanism", "pipe", "--json")
      #expect(try CrawlDocument(limited.output).runs.map(\.pages) == [7])
      let shallow = try Tool.run(
        "crawl", "--pages", "100", "--depth", "0", "--workers", "2", "--mechanism", "pipe", "--json")
      #expect(try CrawlDocument(shallow.output).runs.map(\.pages) == [1])
    }
  }
}
