import IPC
import IPCWorkers
import SystemCalls
import TestSupport
import TestWorkers
import Testing

extension AllIPCWorkersTests {
  /// What a job costs in memory: counted by a malloc(3) in front of the C library's, in every process of a pool.
  @Suite(.guarded) struct JobAllocationTests {
    private static let counter =
      #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/AllocationCounter/count.c"

    /// The allocations of each process of a pool that has done so many jobs.
    private func allocations(_ jobs: Int, _ mechanism: Mechanism, _ folder: String) throws -> [Int] {
      let file = folder + "/allocations-\(jobs)"
      var child = try ChildProcess.spawn(
        Workspace.peer, arguments: [TestWorker.integersRole, mechanism.name, "\(jobs)"]
      ) {
        $0.environment = ["LD_PRELOAD": Self.library(folder), "ALLOCATIONS_FILE": file]
        $0.inheritsOutput = false
      }
      #expect(try child.wait() == .code(0))
      return try Files.readText(file).split(separator: "\n").compactMap { Int($0) }
    }

    private static func library(_ folder: String) -> String { folder + "/count.so" }

    @Test("at most one allocation per job", arguments: [Mechanism.pipe, .queue, .memory])
    func allocationsPerJob(_ mechanism: Mechanism) throws {
      Watchdog.at(mechanism)
      let folder = try Folder()
      var compiler = try ChildProcess.spawn(
        "clang", arguments: ["-O1", "-shared", "-fPIC", "-o", Self.library(folder.path), Self.counter]
      ) { _ in }
      #expect(try compiler.wait() == .code(0))
      let few = try allocations(1000, mechanism, folder.path)
      let many = try allocations(101_000, mechanism, folder.path)
      // The coordinator and its two workers.
      #expect(few.count == 3 && many.count == 3)
      let perJob = Double(many.reduce(0, +) - few.reduce(0, +)) / 100_000
      #expect(perJob <= 1, "\(few) for 1,000 jobs, \(many) for 101,000")
    }
  }
}
