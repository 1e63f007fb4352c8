import Foundation
import TestSupport
import Testing

extension AllCommandTests {
  /// `ipc bench` without failures. The runs are as short as they can be: the tests check that the figures are there
  /// and belong together, never how large they are.
  @Suite(.serialized, .watched) struct BenchCommandTests {
    static let tiny = ["--repeats", "2", "--seconds", "0.02"]

    private func bench(_ arguments: [String], more: [String] = tiny + ["--json"]) throws -> BenchDocument {
      let result = try Tool(["bench"] + arguments + more).wait()
      try #require(result.code == 0, "\(result.errors)")
      #expect(result.errors.isEmpty, "\(result.errors)")
      return try BenchDocument(result.output)
    }

    private func expectSound(_ row: BenchDocument.Row, repeats: Int = 2) {
      let isTimed = ["latency", "wake"].contains(row.workload)
      #expect(row.repeats == repeats)
      #expect(row.eachNs.count == repeats)
      #expect(row.eachNs.allSatisfy { $0 > 0 && $0.isFinite })
      for figures in [row.figures] + (row.raw.map { [$0] } ?? []) {
        #expect(figures.messagesPerS.isOrdered)
        #expect(figures.messagesPerS.low > 0)
        #expect(abs(figures.bytesPerS - figures.messagesPerS.median * Double(row.size)) < 1)
        #expect(figures.cpuUserUs >= 0 && figures.cpuSystemUs >= 0)
        #expect(figures.switchesVoluntary >= 0 && figures.switchesInvoluntary >= 0)
        #expect((figures.latencyNs != nil) == isTimed)
        if let latency = figures.latencyNs { #expect(latency.isOrdered) }
      }
      // All or nothing of the baseline.
      #expect((row.raw == nil) == (row.rawEachNs == nil))
      #expect((row.raw == nil) == (row.rawRatio == nil))
      if let ratio = row.rawRatio { #expect(ratio.isOrdered && ratio.low > 0) }
    }

    // MARK: Documents

    @Test func oneDocumentHasEverything() throws {
      let arguments = ["latency", "--mechanism", "pipe", "--size", "64", "--raw"]
      let document = try bench(arguments)
      #expect(document.version == 1)
      #expect(!document.tool.isEmpty)
      #expect(ISO8601DateFormatter().date(from: document.measuredAt) != nil)
      #expect(document.machine.cpus > 0)
      #expect(!document.machine.kernel.isEmpty)
      #expect(document.machine.memoryKb > 0)
      #expect(!document.machine.limits.isEmpty)
      #expect(document.method.repeats == 2)
      #expect(document.method.secondsPerRepeat == 0.02)
      #expect(document.method.raw)
      #expect(!document.method.quick)
      #expect(document.method.clockNs > 0)
      #expect(document.method.secondsTaken > 0)
      #expect(!document.method.notes.isEmpty)
      #expect(document.method.leftOut.isEmpty)
      // A round trip is shown asleep and awake.
      #expect(document.results.map(\.wait) == ["block", "spin"])
      for row in document.results {
        #expect(row.workload == "latency" && row.mechanism == "pipe" && row.mode == "each")
        #expect(row.size == 64 && row.batch == 1 && row.processes == 2 && row.rate == nil)
        #expect(row.rawRatio != nil)
        #expect(row.rawEachNs?.count == 2)
        expectSound(row)
        // The ratio is that of each repeat, and not of the medians.
        if let raw = row.rawEachNs, let ratio = row.rawRatio {
          let ratios = zip(row.eachNs, raw).map { $0 / $1 }
          #expect(ratio.low >= ratios.min()! * 0.999 && ratio.high <= ratios.max()! * 1.001)
        }
      }
    }

    @Test func aSeedBringsTheOrderBack() throws {
      func order(_ seed: Int) throws -> [[Int]] {
        let more = ["--repeats", "3", "--seconds", "0.01", "--seed", "\(seed)", "--json"]
        let document = try bench(
          ["throughput", "--mechanism", "pipe", "--size", "8,16,24,32,40,48"], more: more)
        #expect(document.method.seed == seed)
        #expect(document.results.map(\.size) == [8, 16, 24, 32, 40, 48])
        return document.method.order
      }
      let first = try order(5)
      #expect(first.count == 3)
      for round in first { #expect(round.sorted() == Array(0..<6)) }
      #expect(try order(5) == first)
      #expect(try order(6) != first)
    }

    // MARK: Workloads

    struct Run: CustomTestStringConvertible, Sendable {
      let arguments: String
      var rows = 1
      var size = 64
      var processes = 2
      var testDescription: String { arguments }
    }

    static let runs = [
      Run(arguments: "fan-in --mechanism queue --processes 3", processes: 3),
      Run(arguments: "fan-in --mechanism tcp --processes 2"),
      Run(arguments: "fan-in --mechanism pipe --processes 2 --raw"),
      Run(arguments: "fan-out --mechanism semaphore"),
      Run(arguments: "fan-out --mechanism queue --processes 3 --raw", processes: 3),
      Run(arguments: "jobs --mechanism memory"),
      Run(arguments: "jobs --mechanism pipe --processes 1 --raw", processes: 1),
      Run(arguments: "wake --mechanism unix"),
      Run(arguments: "wake --mechanism memory --wait adaptive --raw"),
      Run(arguments: "throughput --mechanism tcp --mode batched"),
      Run(arguments: "throughput --mechanism memory --size 1M --mode in-place --raw", size: 1 << 20),
      Run(arguments: "throughput --mechanism memory --size 1 --mode each,batched", rows: 2, size: 1),
      Run(arguments: "throughput --mechanism pipe,fifo --size 0 --pin none", rows: 2, size: 0),
      Run(arguments: "latency --mechanism eventfd --size 0 --wait block", size: 0),
      Run(arguments: "latency --mechanism signal --size 4 --wait block", size: 4),
      Run(arguments: "latency --mechanism posix-queue --wait block"),
      Run(arguments: "latency --mechanism posix-semaphore --size 0 --wait block", size: 0),
      Run(arguments: "throughput --mechanism memfd --mode in-place"),
    ]

    @Test(arguments: runs) func everyWorkloadHasItsFigures(_ run: Run) throws {
      let words = run.arguments.split(separator: " ").map(String.init)
      let document = try bench(words)
      #expect(document.results.count == run.rows)
      for row in document.results {
        #expect(row.workload == words[0])
        #expect(words[2].split(separator: ",").contains(Substring(row.mechanism)))
        #expect(row.size == run.size)
        #expect(row.processes == run.processes)
        #expect((row.batch > 1) == (row.mode == "batched"))
        expectSound(row)
      }
    }

    /// Each mechanism's baseline is code of its own.
    @Test func everyMechanismHasItsBaseline() throws {
      let document = try bench(["throughput", "--mechanism", "all", "--raw"])
      #expect(document.results.map(\.mechanism) == mainMechanisms)
      for row in document.results {
        #expect(row.rawRatio != nil, "\(row.mechanism)")
        expectSound(row)
      }
    }

    @Test(
      arguments: ["pipe", "queue", "memory"]) func aRateIsAnOpenLoop(_ mechanism: String) throws
    {
      let document = try bench(["latency", "--mechanism", mechanism, "--rate", "1000", "--raw"])
      let row = try #require(document.results.first)
      #expect(document.results.count == 1)
      #expect(row.rate == 1000)
      #expect(row.rawRatio != nil)
      expectSound(row)
      // Sent at the instants meant, so never faster than that by much.
      #expect(row.figures.messagesPerS.median < 3000)
    }

    // MARK: Other forms

    @Test func formsOfAReport() throws {
      let arguments = ["bench", "throughput", "--mechanism", "pipe,memory"] + Self.tiny
      let csv = try Tool(arguments + ["--csv"]).wait()
      #expect(csv.code == 0 && csv.errors.isEmpty)
      #expect(csv.output.hasPrefix("workload,mechanism,"))
      #expect(csv.output.split(whereSeparator: \.isNewline).count == 3)
      let markdown = try Tool(arguments + ["--markdown"]).wait()
      #expect(markdown.code == 0 && markdown.errors.isEmpty)
      #expect(markdown.output.contains("| mechanism |"))
      let table = try Tool(arguments).wait()
      #expect(table.code == 0 && table.errors.isEmpty)
      // The output is no terminal: no colours, no progress.
      #expect(!table.output.contains("\u{1B}"))
      #expect(table.output.contains("messages/s"))
    }

    @Test func anEarlierRunIsComparedWith() throws {
      let folder = try Folder()
      let arguments = ["bench", "throughput", "--mechanism", "pipe"] + Self.tiny
      let first = try Tool(arguments + ["--json"]).wait()
      try first.output.write(toFile: folder.path + "/earlier", atomically: true, encoding: .utf8)
      let compare = arguments + ["--compare", folder.path + "/earlier"]
      let second = try Tool(compare).wait()
      #expect(second.code == 0)
      // Two repeats are too few to claim anything.
      #expect(second.output.contains("no difference"))
      // Beside a document, people read it on the other output.
      let third = try Tool(compare + ["--json"]).wait()
      #expect(third.code == 0)
      _ = try BenchDocument(third.output)
      #expect(third.errors.contains("no difference"))
    }

    @Test func aReportForABrowserIsWritten() throws {
      let folder = try Folder()
      let crawl = try Tool.run(
        "crawl", "--repeats", "2", "--window", "auto", "--pages", "5", "--workers", "1", "--mechanism",
        "pipe,memory", "--json")
      try crawl.output.write(toFile: folder.path + "/crawl", atomically: true, encoding: .utf8)
      let path = folder.path + "/report.html"
      // What was there, and longer than the report would hide its end behind it.
      let old = String(repeating: "earlier-content ", count: 100_000)
      try old.write(toFile: path, atomically: true, encoding: .utf8)
      let result = try Tool(
        ["bench", "latency", "--mechanism", "pipe", "--wait", "block", "--html", path, "--crawl"]
          + [folder.path + "/crawl", "--json"] + Self.tiny
      ).wait()
      #expect(result.code == 0)
      _ = try BenchDocument(result.output)
      #expect(result.errors.contains(path))
      let html = folder.text("report.html")
      #expect(html.hasPrefix("<!doctype html>"))
      #expect(html.hasSuffix("</html>\n"))
      #expect(html.contains("The crawl"))
      #expect(!html.contains("earlier-content"))
    }

    // MARK: Advice

    private struct Advice: Decodable {
      struct Candidate: Decodable {
        let mechanism: String
        let eachNs: Double
        let cpuUs: Double
        let text: String

        enum CodingKeys: String, CodingKey {
          case mechanism, text
          case eachNs = "each_ns"
          case cpuUs = "cpu_us"
        }
      }
      let pattern: String
      let size: Int
      let choice: Candidate
      let runnerUp: Candidate?
      let reason: String
      let unless: [String]

      enum CodingKeys: String, CodingKey {
        case pattern, size, choice, reason, unless
        case runnerUp = "runner_up"
      }
    }

    @Test func adviceNamesAMechanism() throws {
      let result = try Tool.run("bench", "advise", "--size", "4K", "--pattern", "request", "--json")
      try #require(result.code == 0, "\(result.errors)")
      let advice = try JSONDecoder().decode(Advice.self, from: Data(result.output.utf8))
      #expect(advice.pattern == "request")
      #expect(advice.size == 4096)
      #expect(mainMechanisms.contains(advice.choice.mechanism))
      #expect(advice.choice.eachNs > 0)
      let second = try #require(advice.runnerUp)
      #expect(second.mechanism != advice.choice.mechanism)
      #expect(!advice.reason.isEmpty)
    }

    @Test func onlyOneReachesAnotherMachine() throws {
      let result = try Tool.run(
        "bench", "advise", "--size", "64", "--pattern", "jobs", "--crosses", "machines", "--json")
      try #require(result.code == 0, "\(result.errors)")
      let advice = try JSONDecoder().decode(Advice.self, from: Data(result.output.utf8))
      #expect(advice.choice.mechanism == "tcp")
      #expect(advice.runnerUp == nil)
    }
  }
}
