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
      Call(arguments: ["mechanisms", "pipe"], names: "pipe"),
      Call(arguments: ["mechanisms", "--loud"], names: "--loud"),
      Call(arguments: ["demo"], names: "demo"),
      Call(arguments: ["demo", "pigeon"], names: "pigeon"),
      Call(arguments: ["demo", "socket"], names: "unix"),
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
