import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// What a worker process of a crawl loads, and the memory that it has of its own.
  @Suite(.serialized, .watched) struct CrawlWorkerTests {
    /// What only some of the tool's processes need, and takes longer to load than the rest together.
    private static let heavy = [
      "libFoundationNetworking", "libcurl", "lib_FoundationICU", "libFoundation.so",
    ]
    private static let mostKilobytes = 4096

    @Test("a worker has no library that it doesn't use, and little memory of its own")
    func aWorkerIsSmall() throws {
      let tool = try Tool([
        "crawl", "--repeats", "1", "--window", "auto", "--work", "site", "--pages", "2000", "--delay", "20",
        "--workers", "2", "--mechanism", "pipe",
      ])
      var workers: [Int32] = []
      // Each has a page to fetch.
      let hasBegun = eventually {
        workers = ProcessTable.crawlWorkers(of: tool.id)
        return workers.count == 2 && workers.allSatisfy { ProcessTable.sockets(of: $0) > 0 }
      }
      try #require(hasBegun, "the crawl doesn't begin: \(tool.errors)")
      for worker in workers {
        let maps = try Files.readText("/proc/\(worker)/maps")
        #expect(maps.contains("/ipc\n"))
        for library in Self.heavy { #expect(!maps.contains(library)) }
        let rollup = try Files.readText("/proc/\(worker)/smaps_rollup")
        let own = try ["Private_Clean:", "Private_Dirty:"].map { name in
          let line = try #require(rollup.split(separator: "\n").first { $0.hasPrefix(name) })
          return try #require(Int(line.split(separator: " ")[1]))
        }
        #expect(own.reduce(0, +) < Self.mostKilobytes, "\(rollup)")
      }
      tool.signal(SIGINT)
      #expect(tool.wait().code == 130)
    }
  }
}
