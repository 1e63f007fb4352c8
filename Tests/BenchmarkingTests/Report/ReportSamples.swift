import Benchmarking
import Foundation
import Measurement
import TestSupport

/// Reports that tests of every format read.
enum ReportSamples {
  /// Names and warnings with what each form gives a meaning to.
  static let awkward: SampleReport = {
    var sample = SampleReport.whole
    sample.cpu = #"CPU <b>"fast"</b> & | co, Ltd"#
    sample.kernel = "6.1<script>alert(1)</script>"
    sample.leftOut = ["tcp | <none>, \"really\""]
    sample.rows[0].warnings = [#"a "quoted", comma | pipe <i>"#, "another; one"]
    sample.rows[1].warnings = ["\""]
    sample.rows[2].warnings = [","]
    return sample
  }()

  /// Reports of whatever there may be: few rows, many, large and small figures.
  private static func anything(_ random: inout SeededRandom) -> SampleReport {
    var sample = SampleReport()
    let names = ["pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp", "posix-queue", "memfd"]
    for _ in 0...(random.next() % 12) {
      let each = (0...(random.next() % 4)).map { _ in exp2(Double(random.next() % 4000) / 100 - 2) }
      var row = SampleReport.Row(mechanism: names.randomElement(using: &random)!, each: each)
      row.workload = ["latency", "throughput", "fan-in", "fan-out", "jobs", "wake"]
        .randomElement(using: &random)!
      row.wait = ["block", "spin", "adaptive"].randomElement(using: &random)!
      row.size = [0, 1, 64, 1000, 65536, 16 << 20].randomElement(using: &random)!
      if row.workload == "throughput" {
        row.mode = ["each", "batched", "in-place"].randomElement(using: &random)!
      }
      if random.next() % 2 == 0 { row.raw = each.map { $0 * exp2(Double(random.next() % 600) / 100 - 3) } }
      if random.next() % 3 == 0 { row.cacheLine = nil }
      if random.next() % 3 == 0 { row.copy = 5 }
      if random.next() % 3 == 0 { row.warnings = ["w, \"x\"", "y"] }
      sample.rows.append(row)
    }
    if random.next() % 3 == 0 { sample.cacheLine = nil }
    if random.next() % 3 == 0 { sample.pinned = [] }
    return sample
  }

  static func forEach(
    _ what: String = #function, _ body: (BenchmarkReport) throws -> Void
  ) throws {
    var random = SeededRandom.printed(what)
    try body(SampleReport.whole.report)
    try body(awkward.report)
    for _ in 0..<12 { try body(anything(&random).report) }
  }
}
