import Benchmarking
import Foundation
import Measurement
import TestSupport
import Testing

/// Two runs against each other: what is claimed is true, and noise, or a machine that has moved, claims nothing.
@Suite(.serialized, .watched) struct ComparisonTests {
  private static let names = ["pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp"]

  /// Seven rows with tight repeats.
  private func sample(raw: Bool = false) -> SampleReport {
    var sample = SampleReport()
    for name in Self.names {
      sample.rows.append(SampleReport.Row(mechanism: name, raw: raw ? [500, 505, 495, 502, 498] : nil))
    }
    return sample
  }

  private func compare(_ now: SampleReport, _ earlier: SampleReport) throws -> Comparison {
    Comparison(try now.report, try earlier.report)
  }

  @Test(arguments: [false, true]) func theSameIsNoDifference(_ raw: Bool) throws {
    let comparison = try compare(sample(raw: raw), sample(raw: raw))
    #expect(comparison.rows.count == 7)
    #expect(comparison.rows.allSatisfy { $0.verdict == .noDifference && $0.factor == 1 })
    #expect(comparison.rows.allSatisfy { $0.isByRatio == raw })
    #expect(comparison.differences.isEmpty)
    #expect(comparison.doubts.isEmpty)
    #expect(comparison.missing == 0)
    #expect(comparison.text.contains("no difference"))
  }

  @Test func aRowThatTakesTwiceAsLongIsSlower() throws {
    var now = sample()
    now.rows[2] = now.rows[2].times(2)
    let differences = try compare(now, sample()).differences
    #expect(differences.map(\.verdict) == [.slower])
    let row = try #require(differences.first)
    #expect(row.label.contains("queue"))
    #expect(abs(row.factor - 2) < 0.01)
    #expect(!row.isByRatio)
    // And the other way round.
    let back = try compare(sample(), now).differences
    #expect(back.map(\.verdict) == [.faster])
    #expect(abs((back.first?.factor ?? 0) - 0.5) < 0.01)
    let text = try compare(now, sample()).text
    #expect(text.contains("queue") && text.contains("slower"))
  }

  @Test func againstPlainCLessIsEnough() throws {
    var now = sample(raw: true)
    now.rows[4] = now.rows[4].times(1.25, raw: 1)
    let differences = try compare(now, sample(raw: true)).differences
    #expect(differences.map(\.verdict) == [.slower])
    #expect(differences.first?.isByRatio == true)
    #expect(try compare(now, sample(raw: true)).text.contains("plain C"))
    // By its figure alone a quarter isn't claimed.
    var alone = sample()
    alone.rows[4] = alone.rows[4].times(1.25)
    #expect(try compare(alone, sample()).differences.isEmpty)
    // Plain C took longer as well: the machine did.
    var both = sample(raw: true)
    both.rows[4] = both.rows[4].times(2)
    #expect(try compare(both, sample(raw: true)).differences.isEmpty)
  }

  @Test func littleIsNeverClaimed() throws {
    var now = sample(raw: true)
    for row in now.rows.indices { now.rows[row] = now.rows[row].times(1.1, raw: 1) }
    #expect(try compare(now, sample(raw: true)).differences.isEmpty)
  }

  @Test func noiseClaimsNothing() throws {
    var random = SeededRandom.printed()
    for _ in 0..<30 {
      var now = sample()
      var earlier = sample()
      for row in now.rows.indices {
        // Half as much, or twice: the repeats of each run differ as much as the runs.
        func noise() -> [Double] {
          (0..<5).map { _ in 1000 * exp2(Double(random.next() % 2001) / 1000 - 1) }
        }
        now.rows[row].each = noise() + [600, 1700]
        earlier.rows[row].each = noise() + [600, 1700]
      }
      #expect(try compare(now, earlier).differences.isEmpty)
    }
  }

  @Test(arguments: [1, 2]) func fewRepeatsClaimNothing(_ count: Int) throws {
    var now = sample(raw: true)
    var earlier = sample(raw: true)
    for row in now.rows.indices {
      now.rows[row].each = Array(now.rows[row].each.prefix(count))
      earlier.rows[row].each = Array(earlier.rows[row].each.prefix(count))
      now.rows[row].raw = now.rows[row].raw.map { Array($0.prefix(count)) }
      earlier.rows[row].raw = earlier.rows[row].raw.map { Array($0.prefix(count)) }
    }
    now.rows[0] = now.rows[0].times(5, raw: 1)
    #expect(try compare(now, earlier).differences.isEmpty)
  }

  @Test(arguments: [false, true]) func aSlowerMachineIsNoSlowerLibrary(_ raw: Bool) throws {
    var now = sample(raw: raw)
    for row in now.rows.indices { now.rows[row] = now.rows[row].times(1.5) }
    let comparison = try compare(now, sample(raw: raw))
    #expect(comparison.differences.isEmpty)
    #expect(comparison.doubts.contains { $0.contains("1.50") }, "\(comparison.doubts)")
    // What is slower than the machine has become still is.
    now.rows[1] = now.rows[1].times(2, raw: 1)
    let more = try compare(now, sample(raw: raw)).differences
    #expect(more.map(\.verdict) == [.slower])
    #expect(abs((more.first?.factor ?? 0) - 2) < 0.01)
  }

  @Test func anotherPairOfCPUsClaimsNothing() throws {
    var now = sample()
    now.rows[3] = now.rows[3].times(2)
    now.rows[3].cacheLine = 160
    let moved = try compare(now, sample())
    #expect(moved.differences.isEmpty)
    #expect(moved.rows[3].verdict == .machineMoved)
    #expect(moved.text.contains("machine has changed"))
    // A line that is a little slower is no excuse, nor one that wasn't measured.
    for line in [110, nil] as [Double?] {
      now.rows[3].cacheLine = line
      #expect(try compare(now, sample()).rows[3].verdict == .slower)
    }
  }

  @Test func rowsWithoutCounterpartAreCounted() throws {
    var now = sample()
    now.rows.append(SampleReport.Row(mechanism: "pipe", size: 4096))
    now.rows.append(SampleReport.Row(mechanism: "pipe", mode: "batched"))
    now.rows.append(SampleReport.Row(workload: "latency", mechanism: "pipe", rate: 1000))
    let comparison = try compare(now, sample())
    #expect(comparison.rows.count == 7)
    #expect(comparison.missing == 3)
    // Nothing in common at all.
    let strangers = try compare(now, SampleReport())
    #expect(strangers.rows.isEmpty && strangers.differences.isEmpty)
    #expect(strangers.text.contains("no counterpart"))
  }

  @Test func runsWithoutACommonRowSaySo() throws {
    var earlier = sample()
    earlier.rows = []
    let comparison = try compare(sample(), earlier)
    #expect(comparison.rows.isEmpty && comparison.missing == 7)
    #expect(comparison.text.contains("the 7 rows have no counterpart there, and nothing can be said"))
    #expect(!comparison.text.contains("no difference"))
  }

  @Test func anotherMachineIsDoubted() throws {
    for change in [
      { $0.cpu = "Another CPU" }, { $0.cpus = 64 }, { $0.kernel = "7.0" }, { $0.pinned = [2, 3] },
    ] as [(inout SampleReport) -> Void] {
      var earlier = sample()
      change(&earlier)
      let comparison = try compare(sample(), earlier)
      #expect(comparison.doubts.count == 1)
      #expect(comparison.text.contains("note: a different") || comparison.text.contains("note: different"))
    }
  }

  // MARK: Files

  private func read(_ data: Data) throws -> Result<BenchmarkReport, BenchmarkError> {
    let folder = try Folder()
    try data.write(to: URL(fileURLWithPath: folder.path + "/earlier"))
    return Result { () throws(BenchmarkError) in try BenchmarkReport.read(folder.path + "/earlier") }
  }

  @Test func aReportIsReadBackAsItWas() throws {
    let report = try SampleReport.whole.report
    let back = try read(JSONEncoder().encode(report)).get()
    #expect(back.results.map(\.key) == report.results.map(\.key))
    #expect(back.results.map(\.each) == report.results.map(\.each))
    #expect(back.results.map(\.rawRatio) == report.results.map(\.rawRatio))
    #expect(back.machine == report.machine)
    #expect(back.method.order == report.method.order)
    #expect(Set(back.results.map(\.key)).count == back.results.count)
    #expect(Comparison(back, report).differences.isEmpty)
  }

  @Test func whatCannotBeReadIsACallThatWasWrong() throws {
    var other = sample()
    other.version = 2
    let whole = try sample().data
    let files =
      [other, nil].map { try? $0?.data } + [
        Data(), Data("garbage".utf8), Data("[1, 2]".utf8), Data([0xFF, 0xFE, 0]), whole.dropLast(2),
        Data(String(decoding: whole, as: UTF8.self).replacing("\"block\"", with: "\"sometimes\"").utf8),
        Data(String(decoding: whole, as: UTF8.self).replacing("throughput", with: "telepathy").utf8),
      ]
    for data in files.compactMap({ $0 }) {
      guard case .failure(let error) = try read(data) else {
        Issue.record("it was read: \(String(decoding: data.prefix(40), as: UTF8.self))")
        continue
      }
      #expect(error.kind == .call)
      #expect(!error.description.contains("\n"))
    }
    #expect(throws: BenchmarkError.self) { try BenchmarkReport.read("/nonexistent") }
  }

  /// A file that was edited by hand: none of its figures leads to a NaN or an infinity.
  @Test
  func figuresOfNothingAreNoDifference() throws {
    for each in [[-1, -1, -1], [-1, 1, 2]] as [[Double]] {
      var earlier = sample(raw: true)
      earlier.rows[0].each = each
      earlier.rows[0].raw = each.map { _ in 1 }
      let text = try compare(sample(raw: true), earlier).text
      #expect(!text.contains("nan") && !text.contains("inf"))
    }
  }
}
