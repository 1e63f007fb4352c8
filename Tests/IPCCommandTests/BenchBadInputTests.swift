import Benchmarking
import Foundation
import TestSupport
import Testing

extension AllCommandTests {
  /// Calls of `ipc bench` that can't be done: one line, exit code 2, and nothing is measured before it. Each asks
  /// for runs of hours, so one that began to measure would be a hang.
  @Suite(.serialized, .watched) struct BenchBadInputTests {
    static let hours = ["--repeats", "1000", "--seconds", "600"]

    static let calls = [
      ("fly", "fly"),
      ("fly", Workload.all.map(\.name).joined(separator: ", ") + ", all, steps, select, advise"),
      ("latency throughput", "throughput"),
      ("latency --mechanism pigeon", "pigeon"),
      ("latency --mechanism pipe,pigeon", "pigeon"),
      ("latency --mechanism=", "mechanism"),
      ("latency --mechanism popen", "popen"),
      // No command is measured: it isn't offered.
      ("latency --mechanism popem", "unknown mechanism \"popem\": choose from"),
      ("latency --mechanism pigeon", "signal, memfd, all"),
      ("latency --size 17M", "17 MiB"),
      ("latency --size x", "--size x"),
      ("latency --size 64,", "--size"),
      ("latency --size=-1", "--size -1"),
      ("latency --size 99999999999999999999", "--size 99999999999999999999"),
      ("latency --wait nonsense", "--wait nonsense"),
      ("latency --mode sideways", "--mode sideways"),
      ("latency --pin 99", "--pin 99"),
      ("latency --pin a", "--pin a"),
      ("latency --pin 0,,1", "--pin 0,,1"),
      ("latency --pin=-1", "--pin -1"),
      ("latency --processes 0", "--processes 0"),
      ("latency --processes 65", "--processes 65"),
      ("latency --rate 0", "--rate 0"),
      ("latency --seed x", "--seed x"),
      ("latency --html /nonexistent/report.html", "/nonexistent/report.html"),
      ("latency --html /", "--html /"),
      ("latency --html", "--html"),
      ("latency --compare /nonexistent/earlier", "/nonexistent/earlier"),
      ("latency --crawl /dev/null", "--html"),
      ("latency --json --csv", "--json and --csv"),
      ("latency --markdown --json", "--markdown"),
      ("latency --mechanism eventfd --size 64", "--size 0"),
      ("latency --mechanism signal --size 64", "--size 4"),
      ("fan-in --mechanism memory", "memory has one sender"),
      ("fan-in --mechanism queue,memory", "memory has one sender"),
      ("fan-out --mechanism tcp", "tcp has one receiver"),
      ("fan-in --mechanism queue --size 4", "8 bytes"),
      ("wake --mechanism pipe --wait spin", "--wait"),
      ("jobs --mechanism eventfd", "eventfd"),
      ("throughput --mechanism pipe --mode in-place", "ipc: "),
      ("latency --colour red", "--colour"),
    ]

    private func expectRefused(_ arguments: [String], _ names: String) throws {
      let result = try Tool(["bench"] + arguments).wait()
      #expect(result.code == 2)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.errors.hasSuffix("\n"))
      #expect(result.errors.contains(names), "\(result.errors)")
      #expect(result.output.isEmpty)
    }

    @Test(arguments: calls) func isToldInOneLine(_ arguments: String, _ names: String) throws {
      try expectRefused(arguments.split(separator: " ").map(String.init) + Self.hours, names)
    }

    @Test(arguments: ["--repeats 0", "--repeats 1001", "--seconds 0", "--seconds nan", "--seconds 1e9"])
    func runsOfNoLengthAreRefused(_ arguments: String) throws {
      try expectRefused(["latency"] + arguments.split(separator: " ").map(String.init), arguments)
    }

    @Test(
      arguments: ["throughput", "jobs", "wake", "fan-in", "fan-out"])
    func aRateForWhatHasNoInstantsIsRefused(_ workload: String) throws {
      try expectRefused([workload, "--mechanism", "queue", "--rate", "1000"] + Self.hours, "--rate")
    }

    static let earlier = [
      ("", "report"), ("garbage", "report"), ("[]", "report"), ("{}", "version"),
      (#"{"version": 2}"#, "version 2"), (#"{"version": 0, "results": []}"#, "version 0"),
      (#"{"version": 1}"#, "report"), (#"{"version": "1"}"#, "report"),
    ]

    @Test(arguments: earlier) func whatIsNoEarlierRunIsSaid(_ text: String, _ names: String) throws {
      let folder = try Folder()
      try text.write(toFile: folder.path + "/earlier", atomically: true, encoding: .utf8)
      let path = folder.path + "/earlier"
      try expectRefused(["latency", "--compare", path] + Self.hours, path)
      try expectRefused(["latency", "--compare", path] + Self.hours, names)
    }

    @Test func whatIsNoCrawlIsSaid() throws {
      let folder = try Folder()
      try "{}".write(toFile: folder.path + "/crawl", atomically: true, encoding: .utf8)
      for path in [folder.path + "/crawl", folder.path + "/nothing"] {
        let html = folder.path + "/report.html"
        try expectRefused(["latency", "--html", html, "--crawl", path] + Self.hours, path)
        // A call that was wrong leaves no file.
        #expect(!FileManager.default.fileExists(atPath: html))
      }
    }

    @Test func aFileOfSomebodyElsesIsRefused() throws {
      let folder = try Folder()
      let path = folder.path + "/closed"
      try "kept".write(toFile: path, atomically: true, encoding: .utf8)
      // A folder in a file's place can't be written by root either.
      try expectRefused(["latency", "--html", folder.path] + Self.hours, folder.path)
      try expectRefused(["latency", "--html", path + "/report.html"] + Self.hours, path)
      #expect(folder.text("closed") == "kept")
    }

    @Test(arguments: [
      ("", "--size"), ("--size 4K", "--pattern"), ("--size 4K --pattern x", "--pattern x"),
      ("--size 17M --pattern jobs", "16M"), ("--size x --pattern jobs", "--size"),
      ("--size 4K --pattern stream --crosses rivers", "rivers"),
      ("--size 4K --pattern stream --processes 1", "--processes 1"),
      ("--size 4K --pattern stream --pin 99", "--pin 99"),
      ("--size 4K --pattern stream again", "again"),
    ]) func adviceWantsToKnowMore(_ arguments: String, _ names: String) throws {
      try expectRefused(["advise"] + arguments.split(separator: " ").map(String.init), names)
    }

    @Test func aPartWithoutABenchmarkSaysSo() throws {
      for argument in ["", "{}", "garbage"] {
        let result = try Tool(["--bench-part", argument]).wait()
        // It talks to the benchmark alone, which isn't there: that it ends is all.
        #expect(result.code != nil)
      }
      let worker = try Tool.run("--bench-worker")
      #expect(worker.code != 0)
      #expect(worker.errorLines.count == 1, "\(worker.errors)")
    }
  }
}
