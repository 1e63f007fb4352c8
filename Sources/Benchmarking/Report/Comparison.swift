import Glibc
import IPC
import Measurement

/// Compares two runs, row by row.
///
/// The figures of two runs differ also for reasons other than what is measured: the host moves the CPUs, other guests come
/// and go. A row with plain C beside it is therefore compared by its ratio to plain C, which each run measured in turn;
/// another row by its figure, with a larger threshold, and not at all if the machine itself has changed.
package struct Comparison: Sendable {
  package struct Row: Sendable {
    package let label: String
    /// The time of this run divided by that of the earlier one.
    package let factor: Double
    package let isByRatio: Bool
    package let verdict: Verdict
  }

  package enum Verdict: String, Sendable {
    case slower, faster
    case noDifference = "no difference"
    case machineMoved = "the machine has changed"
  }

  package let rows: [Row]
  /// Why the two runs are hard to compare.
  package let doubts: [String]
  package let missing: Int

  /// A smaller difference is never claimed.
  static let leastByRatio = 0.15
  static let leastByFigure = 0.35
  /// A round trip of a cache line that differs by this factor is that of other CPUs.
  private static let otherCPUsFactor = 1.4
  private static let leastRowsForDrift = 5
  private static let leastRepeats = 3
  /// A drift of the machine, as a logarithm, that is worth telling.
  private static let notableDrift = 0.1

  package init(_ now: BenchmarkReport, _ earlier: BenchmarkReport) {
    // Rows without times can't be compared.
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
      doubts.append("a different machine: \(earlier.machine.cpu), \(earlier.machine.cpus) CPUs")
    }
    if now.machine.kernel != earlier.machine.kernel {
      doubts.append("a different kernel: \(earlier.machine.kernel)")
    }
    if now.method.cpus != earlier.method.cpus { doubts.append("different CPUs: \(earlier.method.cpus)") }
    // How much the whole machine has changed: the median over all rows, of plain C where there is some.
    let shifts = current.compactMap { result -> Double? in
      guard let old = before[result.key] else { return nil }
      if let raw = result.rawEach, let oldRaw = old.rawEach {
        return log(Statistics.median(raw) / Statistics.median(oldRaw))
      }
      return log(result.nanosecondsEach / old.nanosecondsEach)
    }
    let drift = shifts.count >= Self.leastRowsForDrift ? Statistics.median(shifts) : 0
    rows = current.compactMap { result in
      guard let old = before[result.key] else { return nil }
      return Self.row(result, old, drift: drift)
    }
    missing = now.results.count - rows.count
    if abs(drift) > Self.notableDrift {
      doubts.append(
        "everything takes \(Figure.fixed(exp(drift), 2)) times as long as in the earlier run: the machine has changed, and the comparison allows for it"
      )
    }
    self.doubts = doubts
  }

  private static func row(_ now: BenchmarkResult, _ old: BenchmarkResult, drift: Double) -> Row {
    let label =
      "\(now.workload.name) \(now.mechanism) \(now.wait.rawValue) \(Figure.size(now.size))\(now.mode == .each ? "" : " \(now.mode.rawValue)")"
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
    // Not by chance: the repeats of the two runs don't overlap, and differ by more than they do among themselves.
    let noise = Statistics.deviation(mine) + Statistics.deviation(theirs)
    let apart = mine.min()! > theirs.max()! || mine.max()! < theirs.min()!
    let least = isByRatio ? leastByRatio : leastByFigure
    let isClaimed =
      apart && abs(difference) > max(log(1 + least), 2 * noise) && mine.count >= leastRepeats
      && theirs.count >= leastRepeats
    var verdict = Verdict.noDifference
    if isClaimed { verdict = difference > 0 ? .slower : .faster }
    // Another round trip of a cache line: another pair of CPUs.
    if isClaimed, let line = now.cacheLine?.median, let oldLine = old.cacheLine?.median,
      max(line, oldLine) > otherCPUsFactor * min(line, oldLine)
    {
      verdict = .machineMoved
    }
    return Row(label: label, factor: exp(difference), isByRatio: isByRatio, verdict: verdict)
  }

  package var differences: [Row] { rows.filter { $0.verdict == .slower || $0.verdict == .faster } }

  package var text: String {
    if rows.isEmpty {
      return
        "\ncompared with the earlier run: the \(missing) rows have no counterpart there, and nothing can be said: measure the same workloads, mechanisms, sizes, waits and modes"
    }
    var lines = [
      "\ncompared with the earlier run, \(rows.count) rows\(missing > 0 ? " (\(missing) have no counterpart there)" : ""):"
    ]
    lines += doubts.map { "  note: \($0)" }
    for row in rows where row.verdict != .noDifference {
      lines.append(
        "  \(row.label): \(row.verdict.rawValue), \(Figure.fixed(row.factor, 2)) times\(row.isByRatio ? ", against plain C" : "")"
      )
    }
    if differences.isEmpty { lines.append("  no difference beyond the noise of both runs") }
    return lines.joined(separator: "\n")
  }
}

extension Statistics {
  /// The median absolute deviation, scaled to the standard deviation of a normal distribution.
  static func deviation(_ values: [Double]) -> Double {
    let middle = median(values)
    let scale = 1.4826
    return scale * median(values.map { abs($0 - middle) })
  }
}
