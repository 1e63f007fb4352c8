import Foundation
import Glibc
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// A benchmark that is interrupted, or loses a process, or is killed itself: it says so, and nothing is left
  /// of it.
  @Suite(.serialized, .watched) struct BenchDeathTests {
    /// A benchmark in its middle.
    private struct Middle {
      let tool: Tool
      /// The processes of the measurement, and the workers of those that run a pool.
      let parts: [Int32]
      let workers: [Int32]
      let made: Set<String>

      var all: [Int32] { parts + workers }
    }

    /// A benchmark that takes an hour in short slices, whose `count` processes are there and have used the CPU:
    /// they exchange messages.
    private func middle(
      _ arguments: String, parts count: Int, workers: Int = 0, seconds: Int = 4, more: [String] = []
    ) throws -> Middle {
      let before = SystemSnapshot.systemVObjects()
      let words = arguments.split(separator: " ").map(String.init)
      let tool = try Tool(["bench"] + words + ["--repeats", "1000", "--seconds", "\(seconds)"] + more)
      var found: [Int32] = []
      var below: [Int32] = []
      // Each repeat has fresh ones, and on a busy machine a repeat may be short.
      let measures = eventually {
        found = ProcessTable.children(of: tool.id, with: "--bench-part").sorted()
        below = found.flatMap { ProcessTable.children(of: $0, with: "--bench-worker") }
        let areThere = found.count == count && below.count == workers
        return areThere && ticks(found) > 8 * count || !tool.isRunning
      }
      try #require(measures && tool.isRunning, "the benchmark doesn't measure: \(tool.errors)")
      return Middle(
        tool: tool, parts: found, workers: below, made: SystemSnapshot.systemVObjects().subtracting(before))
    }

    /// The CPU time of some processes, in clock ticks.
    private func ticks(_ processes: [Int32]) -> Int {
      processes.reduce(0) { sum, id in
        let text = (try? Files.readText("/proc/\(id)/stat")) ?? ""
        guard let name = text.lastIndex(of: ")") else { return sum }
        let fields = text[name...].dropFirst(2).split(separator: " ")
        guard fields.count > 12 else { return sum }
        return sum + (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
      }
    }

    /// Ends one of the processes, in the order in which they were started. If it was about to end anyway, it is
    /// one of those that came after it.
    private func killOne(_ middle: Middle, _ which: Int) {
      for _ in 0..<5 {
        let parts = ProcessTable.children(of: middle.tool.id, with: "--bench-part").sorted()
        if parts.indices.contains(which) { kill(parts[which], SIGKILL) }
        if eventually(within: 5, { !middle.tool.isRunning }) { return }
      }
    }

    private func expectNothingLeft(_ middle: Middle) {
      #expect(eventually(within: 10) { !middle.all.contains(where: ProcessTable.isAlive) })
      #expect(eventually(within: 10) { middle.made.isDisjoint(with: SystemSnapshot.systemVObjects()) })
      #expect((try? Files.names(in: middle.tool.records)) ?? [] == [])
    }

    // MARK: Ctrl-C

    @Test(arguments: [
      ("throughput --mechanism queue --raw", 4, 0),
      ("latency --mechanism semaphore --wait block --raw", 4, 0),
      ("wake --mechanism memory", 2, 0), ("fan-in --mechanism tcp --processes 3", 4, 0),
      ("jobs --mechanism queue --processes 2", 1, 2), ("latency --mechanism memory --wait spin", 2, 0),
    ]) func ctrlCEndsItCleanly(_ arguments: String, _ parts: Int, _ workers: Int) throws {
      let middle = try middle(arguments, parts: parts, workers: workers)
      middle.tool.signal(SIGINT)
      let result = middle.tool.wait()
      #expect(result.code == 130)
      #expect(result.errors.isEmpty)
      #expect(result.output.isEmpty)
      expectNothingLeft(middle)
    }

    // MARK: Its processes

    private func expectDeathIsTold(_ arguments: String, _ parts: Int, _ which: Int) throws {
      let isPool = arguments.hasPrefix("jobs")
      let middle = try middle(arguments, parts: parts, workers: isPool ? 1 : 0)
      killOne(middle, which)
      let result = middle.tool.wait()
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.output.isEmpty)
      expectNothingLeft(middle)
    }

    @Test(arguments: [
      ("throughput --mechanism pipe", 2, 0), ("throughput --mechanism pipe", 2, 1),
      ("latency --mechanism memory --wait block", 2, 0), ("latency --mechanism memory --wait spin", 2, 1),
      ("fan-in --mechanism queue --processes 2", 3, 0), ("fan-in --mechanism queue --processes 2", 3, 2),
      ("wake --mechanism unix", 2, 1), ("jobs --mechanism pipe --processes 1", 1, 0),
    ]) func aProcessThatDiesIsTold(_ arguments: String, _ parts: Int, _ which: Int) throws {
      try expectDeathIsTold(arguments, parts, which)
    }

    /// Kills what is measured just then: the library's processes, or those of the baseline beside it.
    @Test(
      arguments: 0..<4)
    func aProcessThatWaitsForItsTurnAndDiesIsTold(_ which: Int) throws {
      try expectDeathIsTold("latency --mechanism memory --wait block --raw", 4, which)
    }

    /// A pool gives a dead worker's jobs to another: the figure is worse, and still one of all jobs.
    @Test func aPoolOutlivesItsWorker() throws {
      let tool = try Tool([
        "bench", "jobs", "--mechanism", "memory", "--processes", "2", "--repeats", "3", "--seconds", "1",
        "--json",
      ])
      var workers: [Int32] = []
      let wasKilled = eventually {
        workers = ProcessTable.children(of: tool.id, with: "--bench-part").flatMap {
          ProcessTable.children(of: $0, with: "--bench-worker")
        }
        let works = workers.count == 2 && ticks(workers) > 12
        return works && kill(workers[0], SIGKILL) == 0 || !tool.isRunning
      }
      #expect(wasKilled)
      let result = tool.wait()
      #expect(result.code == 0, "\(result.errors)")
      if result.code == 0 { #expect(try BenchDocument(result.output).results.count == 1) }
      #expect(eventually(within: 10) { !workers.contains(where: ProcessTable.isAlive) })
    }

    // MARK: Itself

    private func expectNothingOutlives(_ arguments: String, _ parts: Int, _ workers: Int = 0) throws {
      // So long that it doesn't end meanwhile: between two repeats it alone has the objects of the next.
      let middle = try middle(arguments, parts: parts, workers: workers, seconds: 60)
      middle.tool.signal(SIGKILL)
      #expect(middle.tool.wait().code == nil)
      #expect(eventually(within: 10) { !middle.all.contains(where: ProcessTable.isAlive) })
      #expect(eventually(within: 10) { middle.made.isDisjoint(with: SystemSnapshot.systemVObjects()) })
      // What it left is no other test's.
      remove(middle.made)
    }

    @Test(arguments: [
      ("throughput --mechanism queue", 2, 0), ("latency --mechanism semaphore --wait spin", 2, 0),
      ("fan-in --mechanism queue --processes 2", 3, 0), ("jobs --mechanism semaphore --processes 2", 1, 2),
      ("throughput --mechanism memory --raw", 4, 0), ("throughput --mechanism pipe --raw", 4, 0),
    ]) func nothingOutlivesAKilledBenchmark(_ arguments: String, _ parts: Int, _ workers: Int) throws {
      try expectNothingOutlives(arguments, parts, workers)
    }

    @Test(
      arguments: [
        ("throughput --mechanism queue --raw", 4), ("latency --mechanism semaphore --wait block --raw", 4),
        ("fan-out --mechanism queue --processes 2 --raw", 6),
      ]) func nothingOfTheBaselineOutlivesAKilledBenchmark(_ arguments: String, _ parts: Int) throws
    {
      try expectNothingOutlives(arguments, parts)
    }

    /// Those of this test alone: they came while its benchmark ran.
    private func remove(_ objects: Set<String>) {
      for object in objects.intersection(SystemSnapshot.systemVObjects()) {
        let words = object.split(separator: " ")
        guard let id = words.last.flatMap({ Int32($0) }) else { continue }
        switch words[0] {
        case "queue": try? MessageQueues.msgctl(remove: id)
        case "semaphore": try? Semaphores.semctl(remove: id)
        default: try? Segment.shmctl(remove: id)
        }
      }
    }

    // MARK: Its file

    /// Ends a benchmark that is to write a report, and says whether the file is there, and what is in it.
    private func file(_ old: String?, end: (Middle) -> Void) throws -> String? {
      let folder = try Folder()
      let path = folder.path + "/report.html"
      if let old { try old.write(toFile: path, atomically: true, encoding: .utf8) }
      let middle = try middle("throughput --mechanism pipe", parts: 2, more: ["--html", path])
      end(middle)
      let result = middle.tool.wait()
      #expect(result.code != 0)
      return FileManager.default.fileExists(atPath: path) ? folder.text("report.html") : nil
    }

    @Test func aRunThatFailsLeavesTheFileAsItWas() throws {
      #expect(try file(nil) { killOne($0, 0) } == nil)
      #expect(try file("what was there") { killOne($0, 0) } == "what was there")
    }

    @Test(arguments: [SIGINT, SIGTERM]) func aRunThatIsInterruptedLeavesTheFileAsItWas(_ signal: Int32) throws
    {
      #expect(try file(nil) { $0.tool.signal(signal) } == nil)
      #expect(try file("what was there") { $0.tool.signal(signal) } == "what was there")
    }

    /// No process is left to remove a new file; an old one must not have been touched before the report is there.
    @Test func aRunThatIsKilledDoesNotTouchAnOldFile() throws {
      #expect(try file("what was there") { $0.tool.signal(SIGKILL) } == "what was there")
    }
  }
}
