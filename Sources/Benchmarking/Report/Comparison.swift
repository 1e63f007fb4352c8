import Foundation
import IPC
import Measurement

/// Two runs against each other, row by row. Figures of two runs differ for reasons that have nothing to do with what is
/// measured: the host moves the CPUs, other guests come and go. So a row with the same in plain C beside it is compared by
/// its ratio to that, which both runs took in the same minute; the rest by its figure, with more distrust, and not at all
/// where the machine itself has moved.
package struct Comparison: Sendable {
  package struct Row: Sendable {
    package let label: String
    /// Now against earlier: 1.1 is a tenth slower.
    package let factor: Double
    package let isByRatio: Bool
    package let verdict: Verdict
  }

  package enum Verdict: String, Sendable {
    case slower, faster
    case noDifference = "no difference"
    case machineMoved = "the machine has moved"
  }

  package let rows: [Row]
  /// Why the two can hardly be compared.
  package let doubts: [String]
  package let missing: Int

  /// A difference smaller than this is never claimed, whatever the intervals say.
  static let leastByRatio = 0.15
  static let leastByFigure = 0.35

  package init(_ now: BenchmarkReport, _ earlier: BenchmarkReport) {
    // Figures of nothing say nothing.
    func isUsable(_ result: BenchmarkResult) -> Bool {
      let times = result.each + (result.rawEach ?? [])
      return !result.each.isEmpty && result.rawEach?.isEmpty != true
        && times.allSatisfy { $0 > 0 && $0.isFinite }
    }
    let before = Dictionary(
      earlier.results.filter(isUsable).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    let current = now.results.filter(isUsable)
    var doubts: [String] = []
    if now.machine.cpu != earlier.machine.cpu || now.machine.cpus != earlier.machine.cpus {
      doubts.append("another machine: \(earlier.machine.cpu), \(earlier.machine.cpus) CPUs")
    }
    if now.machine.kernel != earlier.machine.kernel {
      doubts.append("another kernel: \(earlier.machine.kernel)")
    }
    if now.method.cpus != earlier.method.cpus { doubts.append("other CPUs: \(earlier.method.cpus)") }
    // By how much everything has moved: the median over all rows, of plain C where there is some.
    let shifts = current.compactMap { result -> Double? in
      guard let old = before[result.key] else { return nil }
      if let raw = result.rawEach, let oldRaw = old.rawEach {
        return log(Statistics.median(raw) / Statistics.median(oldRaw))
      }
      return log(result.nanosecondsEach / old.nanosecondsEach)
    }
    let drift = shifts.count >= 5 ? Statistics.median(shifts) : 0
    rows = current.compactMap { result in
      guard let old = before[result.key] else { return nil }
      return Self.row(result, old, drift: drift)
    }
    missing = now.results.count - rows.count
    if abs(drift) > 0.1 {
      doubts.append(
        "everything takes \(Figure.fixed(exp(drift), 2)) times what it took: that is the machine; rows are judged beside it"
      )
    }
    self.doubts = doubts
  }

  private static func row(_ now: BenchmarkResult, _ old: BenchmarkResult, drift: Double) -> Row {
    let label =
      "\(now.workload.rawValue) \(now.mechanism) \(now.wait.rawValue) \(Figure.size(now.size))\(now.mode == .each ? "" : " \(now.mode.rawValue)")"
    let (mine, theirs, isByRatio): ([Double], [Double], Bool)
    if let raw = now.rawEach, let oldRaw = old.rawEach, raw.count == now.each.count,
      oldRaw.count == old.each.count
    {
      mine = zip(now.each, raw).map { log($0 / $1) }
      theirs = zip(old.each, oldRaw).map { log($0 / $1) }
      isByRatio = true
    } else {
      mine = now.each.map { log($0) - drift }
      theirs = old.each.map { log($0) }
      isByRatio = false
    }
    let difference = Statistics.median(mine) - Statistics.median(theirs)
    // Not by chance: more than the repeats of both differ among themselves, and beyond each other altogether.
    let noise = Statistics.deviation(mine) + Statistics.deviation(theirs)
    let apart = mine.min()! > theirs.max()! || mine.max()! < theirs.min()!
    let least = isByRatio ? leastByRatio : leastByFigure
    let isClaimed =
      apart && abs(difference) > max(log(1 + least), 2 * noise) && mine.count >= 3 && theirs.count >= 3
    var verdict = Verdict.noDifference
    if isClaimed { verdict = difference > 0 ? .slower : .faster }
    // A cache line that takes half as long again is another pair of CPUs.
    if isClaimed, let line = now.cacheLine?.median, let oldLine = old.cacheLine?.median,
      max(line, oldLine) > 1.4 * min(line, oldLine)
    {
      verdict = .machineMoved
    }
    return Row(label: label, factor: exp(difference), isByRatio: isByRatio, verdict: verdict)
  }

  package var differences: [Row] { rows.filter { $0.verdict == .slower || $0.verdict == .faster } }

  package var text: String {
    var lines = [
      "\ncompared with the earlier run, \(rows.count) rows\(missing > 0 ? " (\(missing) have no counterpart there)" : ""):"
    ]
    lines += doubts.map { "  mind: \($0)" }
    for row in rows where row.verdict != .noDifference {
      lines.append(
        "  \(row.label): \(row.verdict.rawValue), \(Figure.fixed(row.factor, 2)) times\(row.isByRatio ? ", against plain C" : "")"
      )
    }
    if differences.isEmpty { lines.append("  no difference that the noise of both wouldn't explain") }
    return lines.joined(separator: "\n")
  }
}

extension Statistics {
  /// How far the values lie from their median: the median of that, scaled to a standard deviation.
  static func deviation(_ values: [Double]) -> Double {
    let middle = median(values)
    return 1.4826 * median(values.map { abs($0 - middle) })
  }
}
