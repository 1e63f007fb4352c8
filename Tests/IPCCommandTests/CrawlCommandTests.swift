import Measurement
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// `ipc crawl` without failures.
  @Suite(.serialized, .watched) struct CrawlCommandTests {
    @Test func everyMechanismCrawlsTheSamePages() throws {
      let result = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", "--work", "site", "--pages", "60", "--workers", "2",
        "--json")
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
        #expect(run.cost.median >= 0 && run.cost.low <= run.cost.median, "\(run.mechanism)")
        #expect(run.repeats == 1 && run.each == [run.cost.median], "\(run.mechanism)")
        // User time alone: the kernel's share of so short a run may round to nothing.
        #expect(run.cpuUserS > 0, "\(run.mechanism)")
        #expect(run.cpuSystemS >= 0, "\(run.mechanism)")
        #expect(run.switchesVoluntary > 0, "\(run.mechanism)")
        #expect(run.switchesInvoluntary >= 0, "\(run.mechanism)")
        #expect(run.dispatchUs.p50 > 0, "\(run.mechanism)")
        #expect(run.dispatchUs.p50 <= run.dispatchUs.p99, "\(run.mechanism)")
        #expect(run.dispatchUs.p99 <= run.dispatchUs.max, "\(run.mechanism)")
        #expect(run.channelBytes > 60, "\(run.mechanism)")
        // What several processes share counts once.
        #expect(run.pssKb > 0 && run.pssKb < run.peakRssKb, "\(run.mechanism)")
        let parts = try #require(run.parts, "\(run.mechanism)")
        let all = Double(run.processes) * run.wallS * 1e6 / Double(run.pages)
        #expect(abs(parts.reduce(0, +) / all - 1) < 0.05, "\(run.mechanism): \(parts), \(all)")
        #expect(parts.allSatisfy { $0 >= 0 }, "\(run.mechanism): \(parts)")
        // Each page is fetched, passes through the library, and costs calls and wake-ups.
        #expect(parts[0] > 0 && parts[1] > 0 && parts[2] > 0, "\(run.mechanism): \(parts)")
        #expect((run.wakeups ?? 0) > 0, "\(run.mechanism)")
      }
      // Measured beside them: no process boundary.
      #expect(document.inOneProcess.map(\.model) == ["sequential", "threads", "async"])
      #expect(document.inOneProcess.allSatisfy { $0.pages == 60 && $0.processes == 1 && $0.mechanism == nil })
    }

    @Test func theOutputFileHasEachPageOnce() throws {
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", "--work", "site", "--pages", "80", "--workers", "2",
        "--mechanism", "memory", "--output",
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
        "crawl", "--repeats", "1", "--window", "auto", "--pages", "10", "--workers", "1", "--mechanism",
        "pipe,tcp", "--output",
        folder.path + "/pages")
      #expect(result.code == 0)
      #expect(try OutputPage.read(folder.text("pages")).count == 10)
    }

    @Test func slowPagesTakeTheirTime() throws {
      let result = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", "--work", "slow", "--pages", "4", "--delay", "300",
        "--workers", "4", "--mechanism", "pipe",
        "--json")
      #expect(result.code == 0)
      let run = try #require(try CrawlDocument(result.output).runs.first)
      #expect(run.pages == 4)
      #expect(run.failed == 0)
      #expect(run.wallS >= 0.3)
    }

    @Test(arguments: mainMechanisms) func jobsThatDoNothing(_ mechanism: String) throws {
      let result = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", "--work", "nothing", "--pages", "5000", "--workers",
        "2", "--mechanism", mechanism, "--json")
      #expect(result.code == 0)
      let document = try CrawlDocument(result.output)
      #expect(document.runs.map(\.mechanism) == [mechanism])
      #expect(document.runs.map(\.pages) == [5000])
      #expect(document.runs.map(\.failed) == [0])
    }

    @Test func theTableNamesWhatItCompares() throws {
      let result = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", "--pages", "5", "--workers", "1", "--mechanism",
        "tcp,memory,tcp")
      #expect(result.code == 0)
      let firsts = result.output.split(separator: "\n").compactMap { $0.split(separator: " ").first }
      // In the order asked for, and as often, in the table of the costs and in that of their parts.
      let asked = ["tcp", "memory", "tcp"]
      #expect(firsts.filter { asked.contains(String($0)) }.map(String.init) == asked + asked)
      #expect(result.output.contains("Where the time of a page goes") && result.output.contains("run queue"))
      #expect(result.output.contains("tcp (2)"))
      // One run of each claims no order.
      #expect(
        result.output.contains(
          "undecided: 1 repeat can't tell 3 apart, however clear the figures are: use --repeats 7"))
    }

    @Test("repeats are measured in turn, over both windows, and ranked")
    func repeatsAndWindows() throws {
      let arguments = [
        "crawl", "--work", "nothing", "--pages", "300", "--workers", "1", "--mechanism", "pipe,memory,pipe",
        "--repeats",
        "3",
      ]
      let document = try CrawlDocument(try Tool.run(arguments + ["--json"]).output)
      #expect(document.runs.map(\.mechanism) == ["pipe", "memory", "pipe", "pipe", "memory", "pipe"])
      #expect(document.runs.map(\.window) == [.jobs(1), .jobs(1), .jobs(1), .auto, .auto, .auto])
      for run in document.runs {
        let parts = try #require(run.parts)
        let all = Double(run.processes) * run.wallS * 1e6 / Double(run.pages)
        #expect(abs(parts.reduce(0, +) / all - 1) < 0.05)
        // Nothing is done, and it takes time.
        #expect(parts[0] == 0 && parts[1] > 0)
        #expect(run.repeats == 3 && run.each.count == 3)
        #expect(run.cost.low <= run.cost.median && run.cost.median <= run.cost.high)
        #expect(run.each.sorted()[1] == run.cost.median)
      }
      // Three repeats can't tell anything apart.
      #expect(document.ranking.count == 1)
      #expect(document.ranking[0].sorted() == ["memory", "pipe", "pipe (2)"])
      #expect(!document.interrupted)
      let table = try Tool.run(arguments)
      #expect(
        table.output.contains("undecided: 3 repeats can't tell 3 apart") && table.output.contains("window"))
      let one = try CrawlDocument(try Tool.run(arguments + ["--json", "--window", "7"]).output)
      #expect(one.runs.map(\.window) == [.jobs(7), .jobs(7), .jobs(7)])
    }

    // On one CPU, where no process can spin until another has answered.
    @Test("a job for each wake-up costs more than many for one")
    func wakeupsOfAWindow() throws {
      let cpu = try #require(Processes.usableCPUs.first)
      let arguments = ["crawl", "--work", "nothing", "--pages", "300", "--workers", "1", "--repeats", "3"]
      let result = try Tool(
        ["-c", "\(cpu)", Tool.path] + arguments + ["--mechanism", "pipe,memory", "--json"],
        program: "/usr/bin/taskset"
      ).wait()
      let runs = try CrawlDocument(result.output).runs
      for (one, many) in zip(runs.prefix(2), runs.dropFirst(2)) {
        #expect(one.mechanism == many.mechanism && one.window == .jobs(1) && many.window == .auto)
        #expect(try #require(one.wakeups) > 0.9 && #require(many.wakeups) < 0.5)
        #expect(one.cost.median > many.cost.median)
      }
    }

    @Test("tables fit the terminal, and are ASCII where the locale is", arguments: [10, 40, 80, 160])
    func tablesFit(columns: Int) throws {
      for arguments in [
        ["crawl", "--work", "nothing", "--pages", "50", "--workers", "1", "--repeats", "2"], ["mechanisms"],
        ["bench", "steps", "--step", "callback,select", "--repeats", "2", "--seconds", "0.01"],
      ] {
        for locale in ["C", "en_US.UTF-8"] {
          let result = try Tool(arguments, environment: ["COLUMNS": "\(columns)", "LC_ALL": locale]).wait()
          #expect(result.code == 0, "\(result.errors)")
          for line in result.output.split(separator: "\n") {
            #expect(line.count <= max(columns, 40) || !line.contains("  "), "\(columns): \(line)")
          }
          let isASCII = result.output.utf8.allSatisfy { $0 < 128 }
          #expect(locale == "C" ? isASCII : !isASCII || arguments[0] == "mechanisms")
        }
      }
      // What a program reads stays as it is.
      let json = try Tool(["mechanisms", "--json"], environment: ["COLUMNS": "\(columns)", "LC_ALL": "C"])
        .wait()
      #expect(json.output == (try Tool.run("mechanisms", "--json").output))
      guard columns < 40 else { return }
      // A terminal that breaks lines of 40 columns itself shows more than one with a word in each line.
      let narrow = try Tool(["mechanisms"], environment: ["COLUMNS": "\(columns)"]).wait()
      #expect(narrow.output == (try Tool(["mechanisms"], environment: ["COLUMNS": "40"]).wait().output))
    }

    @Test("what differs by far is ranked")
    func farApart() throws {
      let result = try Tool.run(
        "crawl", "--work", "nothing", "--pages", "500", "--workers", "1", "--model", "sequential,processes",
        "--mechanism",
        "tcp", "--window", "1", "--repeats", "10", "--json")
      let document = try ModelDocument(result.output)
      // A wake-up for each job, and none at all.
      #expect(document.ranking == [["sequential"], ["processes, tcp"]])
    }

    @Test("--html writes a page that has the figures of the JSON, and says which mechanism is for what")
    func aReportForABrowser() throws {
      let folder = try Folder()
      let path = folder.path + "/crawl.html"
      let result = try Tool.run(
        "crawl", "--repeats", "2", "--pages", "40", "--workers", "2", "--mechanism", "pipe,memory", "--json",
        "--html", path)
      #expect(result.code == 0)
      #expect(result.errors == "wrote the report to \(path)\n", "\(result.errors)")
      let document = try CrawlDocument(result.output)
      let page = folder.text("crawl.html")
      #expect(page.hasPrefix("<!doctype html>") && page.contains("how sure"))
      #expect(page.contains("window 1") && page.contains("window auto") && page.contains("run queue"))
      for run in document.runs {
        let figure = Figure.time(microseconds: run.cost.median)
        #expect(page.contains(figure), "\(figure)")
      }
    }

    @Test func aReportThatCantBeWritten() throws {
      let result = try Tool.run("crawl", "--html", "/nowhere/crawl.html")
      #expect(result.code == 2 && result.output.isEmpty)
      #expect(result.errors.contains("--html /nowhere/crawl.html can't be written"), "\(result.errors)")
    }

    @Test("two reports in one file, and a file called -, are refused before anything is measured")
    func filesOfReports() throws {
      let folder = try Folder()
      let path = folder.path + "/report"
      let same = try Tool.run("crawl", "--html", path, "--output", folder.path + "/./report")
      #expect(same.code == 2 && same.output.isEmpty)
      #expect(same.errors.contains("name the same file"), "\(same.errors)")
      for option in ["--output", "--html"] {
        let result = try Tool.run("crawl", option, "-")
        #expect(result.code == 2 && result.errors.contains("\(option) -: name a file"), "\(result.errors)")
      }
    }

    @Test func depthAndLimitBoundACrawl() throws {
      let limited = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", "--pages", "100", "--limit", "7", "--workers", "2",
        "--mechanism", "pipe", "--json")
      #expect(try CrawlDocument(limited.output).runs.map(\.pages) == [7])
      let shallow = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", "--pages", "100", "--depth", "0", "--workers", "2",
        "--mechanism", "pipe", "--json")
      #expect(try CrawlDocument(shallow.output).runs.map(\.pages) == [1])
    }
  }
}
