import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import Crawling

@Suite(.watched) struct CrawlPartsTests {
  private func used(cpu: UInt64, delay: UInt64 = 0, calls: UInt64 = 0, timing: UInt64 = 0) -> TimesUsed {
    var result = TimesUsed()
    result.cpu = cpu
    result.delay = delay
    result.sleeps = 7
    result.calls.nanoseconds = calls
    result.calls.timing = timing
    return result
  }

  @Test func thePartsOfAProcessAreItsWallTime() {
    let parts = CrawlParts(used(cpu: 300, delay: 100, calls: 120, timing: 30), work: 500, wall: 1000)
    #expect(parts.times == [500, 150, 120, 100, 130])
    #expect(parts.sum == 1000 && parts.wakeups == 7)
  }

  @Test("threads that wait for a CPU at once count as long as the process doesn't run")
  func delayOfSeveralThreads() {
    let parts = CrawlParts(used(cpu: 300, delay: 5000, calls: 100), work: 0, wall: 1000)
    #expect(parts.times == [0, 200, 100, 700, 0])
  }

  @Test("CPU time of several threads at once isn't cut off")
  func moreCPUTimeThanTime() {
    let parts = CrawlParts(used(cpu: 1200, delay: 50, calls: 100), work: 0, wall: 1000)
    #expect(parts.times == [0, 1100, 100, 0, 0])
  }

  private func run(wall: Double, parts: CrawlParts?) -> CrawlRun {
    var run = CrawlRun(
      model: "processes", workers: 3, pages: 10, failed: 0, wall: wall, work: 0, cost: CrawlCost(),
      threads: 4, processes: 4)
    run.parts = parts
    return run
  }

  @Test("the parts are shares of the repeats that count, which needn't be those that timed the calls")
  func sharesOfTheMedian() throws {
    var parts = CrawlParts(used(cpu: 300, delay: 100, calls: 100), work: 600, wall: 1000)
    parts.wakeups = 25
    let summary = CrawlSummary(
      [run(wall: 2, parts: nil), run(wall: 3, parts: nil), run(wall: 4, parts: nil)],
      timed: [run(wall: 7, parts: parts)], window: .auto, seed: 1)
    let found = try #require(summary.parts)
    // 4 processes, 3 s, 10 pages.
    let all = 4 * 3e9 / 10
    #expect(abs(found.sum / all - 1) < 1e-9)
    #expect(abs(found.work / all - 0.6) < 1e-9 && abs(found.system / all - 0.1) < 1e-9)
    #expect(found.wakeups == 2.5)
    let object = try #require(
      try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary)) as? [String: Any])
    #expect(abs((object["work_us"] as? Double ?? 0) - all * 0.6 / 1000) < 1e-3)
    #expect(object["wakeups"] as? Double == 2.5)
  }

  @Test func withoutTimesThereAreNoParts() throws {
    let summary = CrawlSummary([run(wall: 2, parts: nil)], window: .auto, seed: 1)
    #expect(summary.parts == nil)
    let text = String(decoding: try JSONEncoder().encode(summary), as: UTF8.self)
    #expect(!text.contains("work_us") && text.contains("pss_kb"))
  }
}
