import TestSupport
import Testing

extension AllCommandTests {
  /// Calls that can't be done: one line that names what was wrong, and the exit code that says whose fault it is.
  @Suite(.serialized, .watched) struct BadInputTests {
    struct Call: CustomTestStringConvertible, Sendable {
      let arguments: [String]
      let names: String
      var code: Int32 = 2
      var testDescription: String { arguments.joined(separator: " ") }
    }

    static let calls = [
      Call(arguments: ["crawl", "--mechanism", "pigeon"], names: "pigeon"),
      Call(arguments: ["crawl", "--mechanism", "memory,pigeon"], names: "pigeon"),
      Call(arguments: ["crawl", "--mechanism", ""], names: "mechanism"),
      Call(arguments: ["crawl", "--mechanism", "eventfd"], names: "eventfd"),
      Call(arguments: ["crawl", "--workers", "0"], names: "--workers 0"),
      Call(arguments: ["crawl", "--workers", "-1"], names: "--workers -1"),
      Call(arguments: ["crawl", "--workers"], names: "--workers"),
      Call(arguments: ["crawl", "--pages", "abc"], names: "--pages abc"),
      Call(arguments: ["crawl", "--pages", "99999999999999999999"], names: "99999999999999999999"),
      Call(arguments: ["crawl", "--pages=0"], names: "--pages 0"),
      Call(arguments: ["crawl", "--repeats", "0"], names: "--repeats 0"),
      Call(arguments: ["crawl", "--window", "0"], names: "--window 0"),
      Call(arguments: ["crawl", "--window", "wide"], names: "--window wide"),
      Call(
        arguments: ["crawl", "--window", "1", "--model", "threads"], names: "--window is for worker processes"
      ),
      Call(arguments: ["crawl", "--model", "threads,nonsense"], names: "nonsense"),
      Call(arguments: ["crawl", "--colour", "red"], names: "--colour"),
      Call(arguments: ["fly"], names: "fly"),
      Call(arguments: ["--fly"], names: "--fly"),
      Call(arguments: ["two\nlines"], names: "lines"),
      Call(arguments: ["crawl", "ftp://x"], names: "ftp://x"),
      Call(arguments: ["crawl", "no url"], names: "no url"),
      Call(arguments: ["crawl", "--output", "/nonexistent/dir/x"], names: "/nonexistent/dir/x"),
      Call(arguments: ["crawl", "--work", "nonsense"], names: "nonsense"),
      Call(arguments: ["crawl", "--work", "slow", "http://127.0.0.1:1/"], names: "--work slow"),
      Call(arguments: ["crawl", "--pages", "5", "http://127.0.0.1:1/"], names: "--pages"),
      Call(arguments: ["crawl", "http://127.0.0.1:1/"], names: "http://127.0.0.1:1/", code: 1),
      Call(
        arguments: ["crawl", "http://127.0.0.1:1/", "--mechanism", "pipe", "--workers", "1"],
        names: "http://127.0.0.1:1/", code: 1),
      Call(arguments: ["mechanisms", "pigeon"], names: "pigeon"),
      Call(arguments: ["mechanisms", "pipe", "fifoo"], names: "did you mean fifo?"),
      Call(arguments: ["mechanisms", "--loud"], names: "--loud"),
      Call(arguments: ["demo", "pigeon"], names: "pigeon"),
      Call(arguments: ["demo", "socket"], names: "unix"),
      // A name that was probably meant is suggested, wherever a name is read.
      Call(arguments: ["crwl"], names: "did you mean crawl?"),
      Call(arguments: ["Crawl"], names: "did you mean crawl?"),
      Call(arguments: ["mechanism"], names: "did you mean mechanisms?"),
      Call(arguments: ["--versoin"], names: "did you mean --version?"),
      Call(
        arguments: ["crawl", "--mechansim", "pipe"],
        names: "unknown option --mechansim: did you mean --mechanism?"),
      Call(
        arguments: ["crawl", "--mechansim=pipe"],
        names: "unknown option --mechansim: did you mean --mechanism?"),
      Call(arguments: ["crawl", "-mechanism", "pipe"], names: "did you mean --mechanism?"),
      Call(arguments: ["crawl", "--hepl"], names: "did you mean --help?"),
      Call(arguments: ["crawl", "--mechanism", "Pipe"], names: "did you mean pipe?"),
      Call(arguments: ["crawl", "--mechanism", "memory,pipes"], names: "did you mean pipe?"),
      Call(arguments: ["crawl", "--model", "Threads"], names: "did you mean threads?"),
      Call(arguments: ["crawl", "--work", "Slow"], names: "did you mean slow?"),
      Call(arguments: ["bench", "lateny"], names: "did you mean latency?"),
      Call(arguments: ["bench", "Steps"], names: "did you mean steps?"),
      Call(arguments: ["bench", "--seed", "1", "steps"], names: "ipc bench steps"),
      Call(arguments: ["bench", "latency", "--wait", "Block"], names: "did you mean block?"),
      Call(arguments: ["bench", "latency", "--mode", "in_place"], names: "did you mean in-place?"),
      Call(arguments: ["bench", "steps", "--step", "Select"], names: "did you mean select?"),
      Call(arguments: ["bench", "select", "--secnods", "1"], names: "did you mean --seconds?"),
      Call(
        arguments: ["bench", "advise", "--sise", "4K", "--pattern", "request"], names: "did you mean --size?"),
      Call(arguments: ["demo", "Pipe"], names: "did you mean pipe?"),
      // None runs if one of them isn't there.
      Call(arguments: ["demo", "pipe", "fifoo"], names: "did you mean fifo?"),
      Call(arguments: ["--demo-role", "pipe"], names: "ipc demo"),
      Call(arguments: ["help", "nonsense"], names: "unknown command \"nonsense\""),
      Call(arguments: ["help", "crwl"], names: "did you mean crawl?"),
      Call(arguments: ["help", "bench", "step"], names: "did you mean steps?"),
      Call(arguments: ["help", "bench", "nonsense"], names: "unknown subcommand of bench \"nonsense\""),
      Call(arguments: ["help", "site", "pages"], names: "\"pages\": write ipc help site"),
      Call(arguments: ["demo", "pipe", "--json"], names: "--json"),
      Call(arguments: ["demo", "pipe", "--all"], names: "--all"),
      Call(arguments: ["site", "--port", "70000"], names: "--port 70000"),
      Call(arguments: ["site", "--pages", "x"], names: "--pages x"),
      Call(arguments: ["site", "8080"], names: "8080"),
    ]

    @Test(arguments: calls) func isToldInOneLine(_ call: Call) throws {
      let result = try Tool(call.arguments).wait()
      #expect(result.code == call.code)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.errors.hasSuffix("\n"))
      #expect(result.errors.contains(call.names), "\(result.errors)")
      // The call was wrong: nothing was begun.
      if call.code == 2 { #expect(result.output.isEmpty) }
    }

    /// Its figures would be those of nothing.
    @Test(arguments: ["pipe", "pipe,memory"]) func aCrawlOfWhichNothingWorkedHasNoTable(_ mechanisms: String)
      throws
    {
      let result = try Tool.run("crawl", "http://127.0.0.1:1/", "--mechanism", mechanisms, "--workers", "1")
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.output.isEmpty, "\(result.output)")
    }

    @Test func aPortInUseIsNamed() throws {
      let server = try BackgroundSite(pages: 1)
      let result = try Tool.run("site", "--port", "\(server.port)")
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1)
      #expect(result.errors.contains("\(server.port)"))
    }

    @Test func aWorkerWithoutACoordinatorSaysSo() throws {
      let result = try Tool.run("--crawl-worker")
      #expect(result.code != 0)
      #expect(result.errorLines.count == 1, "\(result.errors)")
    }
  }
}
