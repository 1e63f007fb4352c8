import Benchmarking
import IPC
import TestSupport
import Testing

/// What can be measured over what, and what is said where it can't: before anything is measured.
@Suite(.serialized, .watched) struct BenchmarkCaseTests {
  private func mechanism(_ name: String) throws -> Mechanism { try Mechanism(named: name) }

  private var everything: [Mechanism] { Mechanism.all + Mechanism.variants }

  // MARK: Obstacles

  struct Impossible: CustomTestStringConvertible, Sendable {
    let workload: Workload
    let mechanism: String
    var wait = WaitStrategy.block
    var size = 64
    var mode = SendMode.each
    var rate: Double?
    /// A word of the reason.
    let says: String

    var testDescription: String { "\(workload) \(mechanism) \(wait) \(size) \(mode) \(says)" }
  }

  static let impossible = [
    Impossible(workload: .latency, mechanism: "eventfd", size: 8, says: "--size 0"),
    Impossible(workload: .throughput, mechanism: "posix-semaphore", size: 1, says: "--size 0"),
    Impossible(workload: .latency, mechanism: "signal", size: 0, says: "--size 4"),
    Impossible(workload: .wake, mechanism: "signal", size: 64, says: "--size 4"),
    Impossible(workload: .latency, mechanism: "popen", says: "popen"),
    Impossible(workload: .jobs, mechanism: "popen", says: "popen"),
    Impossible(workload: .throughput, mechanism: "pipe", mode: .inPlace, says: "in place"),
    Impossible(workload: .throughput, mechanism: "semaphore", mode: .inPlace, says: "in place"),
    Impossible(workload: .throughput, mechanism: "eventfd", size: 0, mode: .batched, says: "one call"),
    Impossible(workload: .throughput, mechanism: "signal", size: 4, mode: .batched, says: "one call"),
    Impossible(workload: .fanIn, mechanism: "memory", says: "one sender"),
    Impossible(workload: .fanIn, mechanism: "memfd", says: "one sender"),
    Impossible(workload: .fanOut, mechanism: "pipe", says: "one receiver"),
    Impossible(workload: .fanOut, mechanism: "tcp", says: "one receiver"),
    Impossible(workload: .fanIn, mechanism: "queue", size: 7, says: "8 bytes"),
    Impossible(workload: .fanOut, mechanism: "eventfd", size: 0, says: ""),
    Impossible(workload: .jobs, mechanism: "eventfd", size: 0, says: "jobs"),
    Impossible(workload: .jobs, mechanism: "signal", size: 4, says: "jobs"),
    Impossible(workload: .wake, mechanism: "pipe", wait: .spin, says: "sleep"),
    Impossible(workload: .throughput, mechanism: "pipe", rate: 1000, says: "--rate"),
    Impossible(workload: .jobs, mechanism: "pipe", rate: 1000, says: "--rate"),
    Impossible(workload: .latency, mechanism: "pipe", mode: .batched, rate: 1000, says: "--rate"),
    Impossible(workload: .throughput, mechanism: "pipe", size: 16 << 20 + 1, says: "16 MiB"),
    Impossible(workload: .throughput, mechanism: "memory", size: -1, says: "16 MiB"),
    Impossible(workload: .throughput, mechanism: "memory", size: .max, says: "16 MiB"),
  ]

  @Test(arguments: impossible) func whatCannotBeDoneIsSaid(_ wanted: Impossible) throws {
    let benchmark = BenchmarkCase(
      wanted.workload, try mechanism(wanted.mechanism), wait: wanted.wait, size: wanted.size,
      mode: wanted.mode, rate: wanted.rate)
    let obstacle = try #require(benchmark.obstacle)
    #expect(obstacle.contains(wanted.says), "\(obstacle)")
    #expect(!obstacle.contains("\n"))
  }

  @Test func whatFitsHasNoObstacle() throws {
    for mechanism in Mechanism.all {
      for size in [8, 64, 1 << 20, BenchmarkCase.largestSize] {
        #expect(BenchmarkCase(.latency, mechanism, wait: .spin, size: size).obstacle == nil)
        #expect(BenchmarkCase(.throughput, mechanism, wait: .block, size: size).obstacle == nil)
        #expect(BenchmarkCase(.jobs, mechanism, wait: .adaptive, size: size).obstacle == nil)
        #expect(BenchmarkCase(.wake, mechanism, wait: .block, size: size).obstacle == nil)
      }
      #expect(BenchmarkCase(.latency, mechanism, wait: .block, size: 0).obstacle == nil)
      #expect(BenchmarkCase(.latency, mechanism, wait: .block, size: 64, rate: 1000).obstacle == nil)
      // The traits decide, so that what a mechanism learns is measured at once.
      let fanIn = BenchmarkCase(.fanIn, mechanism, wait: .block, size: 8, processes: 3)
      #expect((fanIn.obstacle == nil) == mechanism.traits.manySenders, "\(mechanism)")
      let fanOut = BenchmarkCase(.fanOut, mechanism, wait: .block, size: 8, processes: 3)
      #expect((fanOut.obstacle == nil) == mechanism.traits.manyReceivers, "\(mechanism)")
      #expect(fanIn.processCount == 4)
      #expect(BenchmarkCase(.latency, mechanism, wait: .block, size: 8, processes: 3).processCount == 2)
    }
    for name in ["memory", "memfd"] {
      let inPlace = BenchmarkCase(
        .throughput, try mechanism(name), wait: .block, size: 1 << 20, mode: .inPlace)
      #expect(inPlace.obstacle == nil)
    }
    for (name, size) in [("eventfd", 0), ("posix-semaphore", 0), ("signal", 4), ("posix-queue", 64)] {
      #expect(BenchmarkCase(.latency, try mechanism(name), wait: .block, size: size).obstacle == nil)
    }
  }

  // MARK: Choices

  private func choice(
    _ workload: Workload, _ mechanisms: [String], named: Bool = true, sizes: [Int] = [64],
    sizesNamed: Bool = false, waits: [WaitStrategy] = [.block], modes: [SendMode] = [.each],
    processes: Int = 2, rate: Double? = nil
  ) throws -> BenchmarkChoice {
    BenchmarkChoice(
      workloads: [workload], mechanisms: try mechanisms.map(mechanism), mechanismsAreNamed: named,
      sizes: sizes, sizesAreNamed: sizesNamed, waits: waits, modes: modes, processes: processes, rate: rate)
  }

  private func expectRefused(_ choice: BenchmarkChoice, _ says: String) {
    do throws(BenchmarkError) {
      let found = try choice.cases()
      Issue.record("it was taken: \(found.cases.map(\.label)), left out: \(found.leftOut)")
    } catch {
      #expect(error.kind == .call)
      #expect(error.description.contains(says), "\(error)")
    }
  }

  @Test func whatWasNamedAndCannotIsAnError() throws {
    expectRefused(try choice(.fanIn, ["memory"]), "memory has one sender")
    // Also beside one that can: the caller meant both.
    expectRefused(try choice(.fanIn, ["queue", "memory"]), "memory has one sender")
    expectRefused(try choice(.fanOut, ["queue", "pipe"]), "pipe has one receiver")
    expectRefused(try choice(.latency, ["popen"]), "popen")
    expectRefused(try choice(.latency, ["eventfd"], sizes: [64], sizesNamed: true), "--size 0")
    expectRefused(try choice(.jobs, ["signal"]), "jobs")
    let all = Mechanism.all.map(\.name)
    expectRefused(
      try choice(.latency, all, named: false, sizes: [64, 16 << 20 + 1], sizesNamed: true), "16 MiB")
    expectRefused(try choice(.fanIn, all, named: false, sizes: [4], sizesNamed: true), "8 bytes")
    expectRefused(try choice(.wake, ["pipe"], waits: [.spin]), "sleep")
  }

  @Test func whatWasAskedOfAllIsLeftOutWithItsReason() throws {
    let found = try choice(.fanIn, Mechanism.all.map(\.name), named: false).cases()
    #expect(!found.cases.isEmpty)
    #expect(!found.cases.contains { $0.mechanism == .memory })
    #expect(found.leftOut.count { $0.contains("memory has one sender") } == 1)
    let fanOut = try choice(.fanOut, Mechanism.all.map(\.name), named: false, processes: 5).cases()
    #expect(Set(fanOut.cases.map(\.mechanism)) == [.queue, .semaphore])
    #expect(fanOut.cases.allSatisfy { $0.processes == 5 })
    #expect(fanOut.leftOut.count == 5)
  }

  @Test func nothingLeftIsAnError() throws {
    expectRefused(try choice(.fanIn, ["memory"], named: false), "memory has one sender")
    expectRefused(try choice(.latency, ["pipe"], modes: [.batched]), "")
  }

  @Test
  func aModeThatANamedMechanismCannotIsNamed() throws {
    expectRefused(try choice(.throughput, ["pipe"], modes: [.inPlace]), "pipe can't be written in place")
  }

  @Test
  func aModeThatSomeCannotIsLeftOutWithItsReason() throws {
    let found = try choice(.throughput, ["pipe", "memory"], named: false, modes: [.inPlace]).cases()
    #expect(found.cases.map(\.mechanism) == [.memory])
    #expect(found.leftOut.contains { $0.contains("pipe can't be written in place") })
  }

  @Test
  func aRateForWhatHasNoInstantsIsRefused() throws {
    expectRefused(try choice(.throughput, ["pipe"], rate: 1000), "--rate is for latency")
  }

  @Test func whatHasOneSizeGetsIt() throws {
    let found = try choice(.latency, ["pipe", "eventfd", "signal"]).cases()
    #expect(found.cases.map(\.size) == [64, 0, 4])
    #expect(found.leftOut.isEmpty)
  }

  @Test func whatHasOneSizeGetsItOnceAmongSeveral() throws {
    let some = ["pipe", "eventfd", "signal"]
    let found = try choice(.latency, some, named: false, sizes: [64, 1024]).cases()
    let sizes = Dictionary(grouping: found.cases, by: \.mechanism.name).mapValues { $0.map(\.size) }
    #expect(sizes == ["pipe": [64, 1024], "eventfd": [0], "signal": [4]])
  }

  @Test
  func whatWasMeasuredIsNotLeftOut() throws {
    let found = try choice(.latency, ["pipe", "eventfd"], named: false, sizes: [64, 1024]).cases()
    #expect(found.leftOut.isEmpty)
  }

  @Test func nothingIsMeasuredTwice() throws {
    let twice = try choice(
      .throughput, ["pipe", "pipe", "memory"], sizes: [64, 64, 1024], waits: [.block, .block],
      modes: [.each, .batched, .each])
    let cases = try twice.cases().cases
    #expect(Set(cases).count == cases.count)
    #expect(cases.count == 2 * 2 * 2)
  }

  @Test func onlyAStreamHasModes() throws {
    let found = try choice(.latency, ["memory"], waits: [.block, .spin], modes: SendMode.allCases).cases()
    #expect(found.cases.map(\.mode) == [.each, .each])
    #expect(found.cases.map(\.wait) == [.block, .spin])
    let stream = try choice(.throughput, ["memory"], modes: SendMode.allCases).cases()
    #expect(stream.cases.map(\.mode) == SendMode.allCases)
  }

  // MARK: The quick set

  @Test func theQuickSetHasARowOfEveryWorkloadThatItIsAskedFor() {
    for workload in Workload.all {
      let found = QuickSet.cases([workload], everything)
      #expect(found.cases.contains { $0.workload == workload }, "\(workload)")
      #expect(found.cases.allSatisfy { $0.workload == workload })
    }
  }

  @Test func theQuickSetCanBeDone() {
    for workloads in [Workload.all] + Workload.all.map({ [$0] }) {
      for mechanisms in [Mechanism.all, everything] + everything.map({ [$0] }) {
        let found = QuickSet.cases(workloads, mechanisms)
        for benchmark in found.cases { #expect(benchmark.obstacle == nil, "\(benchmark.label)") }
        #expect(Set(found.cases).count == found.cases.count)
        #expect(Set(found.leftOut).count == found.leftOut.count)
      }
    }
  }

  @Test func theQuickSetHasWhatEveryChartNeeds() {
    let cases = QuickSet.cases(Workload.all, Mechanism.all).cases
    for mechanism in Mechanism.all {
      let mine = cases.filter { $0.mechanism == mechanism }
      #expect(Set(mine.filter { $0.workload == .latency }.map(\.wait)) == Set(WaitStrategy.allCases))
      // A line needs more than one point.
      #expect(Set(mine.filter { $0.workload == .throughput && $0.mode == .each }.map(\.size)).count >= 3)
      #expect(mine.contains { $0.workload == .throughput && $0.mode == .batched })
      #expect(mine.contains { $0.workload == .wake })
      #expect(mine.contains { $0.workload == .jobs })
    }
    #expect(cases.contains { $0.mode == .inPlace })
  }
}
