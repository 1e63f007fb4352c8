import Foundation
import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// The crawl in every model of concurrency.
  @Suite(.serialized, .watched) struct CrawlModelTests {
    private func crawl(_ arguments: String...) throws -> ModelDocument {
      let result = try Tool.run(["crawl", "--json", "--repeats", "1"] + arguments)
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.errors.isEmpty)
      return try ModelDocument(result.output)
    }

    @Test func everyModelFindsTheSamePages() throws {
      let document = try crawl(
        "--model", "all", "--mechanism", "pipe,memory", "--window", "auto", "--work", "site", "--pages",
        "150", "--workers", "3")
      #expect(
        document.runs.map(\.model) == modelsOfOneProcess + ["actors", "actors", "processes", "processes"])
      #expect(document.runs.compactMap(\.mechanism) == ["pipe", "memory", "pipe", "memory"])
      #expect(document.samePages == true)
      for run in document.runs {
        #expect(run.pages == 150, "\(run.model)")
        #expect(run.failed == 0, "\(run.model)")
        #expect(run.workers == (run.model == "sequential" ? 1 : 3), "\(run.model)")
        #expect(run.wall > 0, "\(run.model)")
        #expect(run.userSeconds > 0, "\(run.model)")
        #expect(run.processes == (run.mechanism == nil ? 1 : 4), "\(run.model)")
        #expect((run.channelBytes != nil) == (run.mechanism != nil), "\(run.model)")
        #expect(run.peakKilobytes > 0, "\(run.model)")
        #expect(run.threads >= 1, "\(run.model)")
      }
      // A thread for each page that is on its way; the event loops have one for all.
      let threads = Dictionary(
        uniqueKeysWithValues: document.runs.prefix(modelsOfOneProcess.count).map { ($0.model, $0.threads) })
      #expect(try #require(threads["threads"]) >= 4)
      #expect(threads["callbacks"] == threads["sequential"])
    }

    /// The pages wait side by side: together they took longer than the crawl did, however busy the machine is.
    @Test(arguments: modelsOfOneProcess.filter { $0 != "sequential" })
    func pagesThatWaitWaitTogether(_ model: String) throws {
      let folder = try Folder()
      let document = try crawl(
        "--model", model, "--work", "slow", "--pages", "20", "--delay", "500", "--workers", "20", "--output",
        folder.path + "/pages")
      let run = try #require(document.runs.first)
      #expect(run.pages == 20)
      #expect(run.failed == 0)
      #expect(run.wall >= 0.5)
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.reduce(0) { $0 + $1.milliseconds } / 1000 > 2 * run.wall)
    }

    @Test func oneAfterTheOtherTakesAsLongAsAllOfThem() throws {
      let run = try #require(
        try crawl("--model", "sequential", "--work", "slow", "--pages", "3", "--delay", "200").runs.first)
      #expect(run.pages == 3)
      #expect(run.wall >= 0.6)
    }

    @Test(arguments: modelsOfOneProcess) func jobsThatDoNothingAreAllDone(_ model: String) throws {
      let run = try #require(
        try crawl("--model", model, "--work", "nothing", "--pages", "3000", "--workers", "5").runs.first)
      #expect(run.pages == 3000)
      #expect(run.failed == 0)
    }

    @Test func aThousandAtOnce() throws {
      let document = try crawl(
        "--model", "callbacks,futures,generators,async,channels", "--work", "slow", "--pages", "1000",
        "--delay", "300",
        "--workers", "1000")
      for run in document.runs {
        #expect(run.pages == 1000, "\(run.model)")
        #expect(run.failed == 0, "\(run.model)")
      }
    }

    // MARK: Pages that misbehave

    @Test(arguments: modelsOfOneProcess) func aCrawlOfTroubleEnds(_ model: String) throws {
      let site = try BackgroundSite(pages: 20)
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", site.url + "trouble", "--model", model, "--workers", "4", "--limit", "60", "--json",
        "--output",
        folder.path + "/pages")
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      let found = Dictionary(pages.map { ($0.url.dropFirst(site.url.count - 1), $0) }) { first, _ in first }
      #expect(found["/status/500"]?.status == 500)
      #expect(found["/redirect/3"]?.status == 302)
      #expect(found["/redirect/0"]?.status == 302)
      #expect(found["/hang-up"]?.failure?.contains("closed before") == true)
      #expect(found["/long-length"]?.failure?.contains("closed before") == true)
      #expect(found["/short-length"]?.failure == nil)
      #expect(found["/endless"]?.failure?.contains("16 MiB") == true)
      #expect(found["/text"]?.links == [])
      #expect(found["/slow/1500"]?.failure == nil)
      #expect(found["/broken"]?.links.count { $0.contains("/page/") } == 3)
      #expect(found["/away"]?.links == ["http://localhost:9/"])
      #expect(found["/"]?.status == 200)
    }

    @Test(arguments: modelsOfOneProcess) func whereNobodyAnswersThatIsSaid(_ model: String) throws {
      let port: Int
      do {
        // Was free a moment ago.
        let site = try BackgroundSite(pages: 1)
        port = site.port
      }
      let result = try Tool.run("crawl", "http://127.0.0.1:\(port)/", "--model", model)
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1)
      #expect(result.errors.contains("no server answers at this address"))
    }

    @Test(arguments: modelsOfOneProcess) func whatIsNoHTTPIsSaid(_ model: String) throws {
      let garbage = try GarbageServer()
      let result = try Tool.run("crawl", garbage.url, "--model", model)
      #expect(result.code == 1)
      #expect(result.errors.contains("isn't HTTP"), "\(result.errors)")
    }

    @Test(arguments: modelsOfOneProcess) func anHTTPSPageIsLeftToTheProcesses(_ model: String) throws {
      let result = try Tool.run("crawl", "https://127.0.0.1:9/", "--model", model)
      #expect(result.code == 2)
      #expect(result.errors.contains("--model processes"))
      #expect(result.output.isEmpty)
    }

    // MARK: Ending early

    @Test(arguments: modelsOfOneProcess) func ctrlCEndsItAndSaysWhatWasDone(_ model: String) throws {
      let site = try BackgroundSite(pages: 5, delay: 60_000)
      let tool = try Tool(["crawl", site.url, "--model", model, "--workers", "3"])
      // Its connection is there: it waits for the page.
      #expect(eventually { ProcessTable.sockets(of: tool.id) > 0 || !tool.isRunning })
      tool.signal(SIGINT)
      let result = tool.wait()
      #expect(result.code == 130)
      #expect(result.errors.isEmpty)
    }

    // MARK: What the caller wrote

    @Test(arguments: [
      ("--model nonsense", "unknown model \"nonsense\""), ("--model async,", "unknown model \"\""),
      ("--model async --mechanism pipe", "leave it out"),
      ("--workers 1001", "at most 1000 processes"), ("--model async --workers 0", "--workers"),
    ]) func aWrongCallIsRefused(_ arguments: String, _ says: String) throws {
      let result = try Tool.run(
        ["crawl"] + arguments.split(separator: " ", omittingEmptySubsequences: false).map(String.init))
      #expect(result.code == 2)
      #expect(result.errorLines.count == 1)
      #expect(result.errors.contains(says), "\(result.errors)")
      #expect(result.output.isEmpty)
    }

    @Test func theTableHasTheModels() throws {
      let result = try Tool.run(
        "crawl", "--model", "async,processes", "--mechanism", "pipe", "--work", "slow", "--pages", "2",
        "--delay", "10")
      #expect(result.code == 0)
      for word in ["model", "async", "processes, pipe", "threads", "grown", "dispatch p50"] {
        #expect(result.output.contains(word), "\(word)")
      }
    }
  }
}
