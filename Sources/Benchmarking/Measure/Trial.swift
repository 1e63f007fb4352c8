import IPC
import Measurement
import SystemCalls

/// One repeat of one case: fresh processes for each contestant, all of them alive, and measured in turn in short
/// slices, so that whatever the machine does meanwhile happens to all alike.
struct Trial {
  /// What one contestant did in one repeat.
  struct Outcome {
    var messages: UInt64 = 0
    var nanoseconds: UInt64 = 0
    var histogram: Histogram?
    var cost = Cost()

    var perSecond: Double { Double(messages) * 1e9 / Double(max(1, nanoseconds)) }
    var nanosecondsEach: Double { Double(nanoseconds) / Double(max(1, messages)) }
  }

  struct Result {
    var outcomes: [ContestantKind: Outcome] = [:]
    /// Cache-line round trips before and after, in nanoseconds.
    var probes: [Double] = []
    /// Clock ticks that the host took away meanwhile.
    var stolenTicks = 0
  }

  static let slices = 4

  let benchmark: BenchmarkCase
  let plan: BenchmarkPlan
  let watch: BenchmarkWatch

  /// Who takes part.
  static func contestants(_ benchmark: BenchmarkCase, _ plan: BenchmarkPlan) -> [ContestantKind] {
    var kinds = [ContestantKind.channel]
    if plan.raw, benchmark.hasBaseline { kinds.append(.raw) }
    // One copy is what a message through memory costs at least; in place it costs none.
    if plan.raw, benchmark.workload == .throughput, benchmark.mode == .each, benchmark.size >= 1024,
      benchmark.mechanism == .memory
    {
      kinds.append(.floor)
    }
    return kinds
  }

  func run(_ random: inout SeededRandom) throws -> Result {
    let board = try Board()
    let kinds = Self.contestants(benchmark, plan).shuffled(using: &random)
    let steal = MachineDescription.stolenTicks
    let isPinned = !plan.cpus.isEmpty && (plan.pinsAll || benchmark.parts <= plan.cpus.count)
    let raw = kinds.contains(.raw) ? try Contestant.rawChannels(benchmark) : []
    let contestants = try kinds.map {
      try Contestant(
        $0, benchmark, board: board, raw: raw, cpus: isPinned ? plan.cpus : [], plan: plan,
        watch: watch)
    }
    var counts: [UInt64] = []
    for contestant in contestants { counts.append(try prepare(contestant)) }
    var result = Result()
    let probing =
      isPinned && Set(plan.cpus.prefix(2)).count > 1 ? contestants.first { $0.kind == .channel } : nil
    if let probe = try probing?.probe() { result.probes.append(probe) }
    for slice in 0..<Self.slices {
      // There and back, so that none is always first.
      let indices = Array(contestants.indices)
      for index in slice % 2 == 0 ? indices : indices.reversed() {
        let measured = try contestants[index].exchange(counts[index])
        result.outcomes[kinds[index], default: Outcome()].add(measured)
      }
    }
    if let probe = try probing?.probe() { result.probes.append(probe) }
    for (index, contestant) in contestants.enumerated() {
      guard let workers = try contestant.finish(), workers.messages > 0 else { continue }
      // Of a pool's workers only the whole is known: their part of what was measured.
      result.outcomes[kinds[index]]?.add(workers)
    }
    result.stolenTicks = MachineDescription.stolenTicks - steal
    return result
  }

  /// Checks every byte of some messages, warms up, and finds out how many messages fill a slice.
  private func prepare(_ contestant: Contestant) throws -> UInt64 {
    let slice = plan.seconds / Double(Self.slices) * 1e9
    let senders = UInt64(benchmark.workload == .fanIn ? benchmark.processes : 1)
    let checked = UInt64(min(64, max(2, (4 << 20) / max(1, benchmark.size))))
    _ = try contestant.exchange(checked * senders, verifies: true)
    if let rate = benchmark.rate { return UInt64(max(1, rate * slice / 1e9)) }
    var count: UInt64 = benchmark.workload == .wake ? 4 : 16 * senders
    while true {
      let trial = try contestant.exchange(count)
      let took = Double(trial.nanoseconds)
      // Long enough to tell, or as long as a slice itself.
      if took >= min(slice / 3, 8e6) {
        // Twice: the first may have met with a hiccup of the machine, and made every slice too short.
        let again = try contestant.exchange(count)
        return max(senders, UInt64(Double(count) * slice / min(took, Double(again.nanoseconds))))
      }
      count = UInt64(Double(count) * min(8, max(2, slice / 2 / max(took, 1))))
    }
  }
}

extension Trial.Outcome {
  mutating func add(_ slice: Contestant.Slice) {
    messages += slice.messages
    nanoseconds += slice.nanoseconds
    cost.add(slice.cost)
    cost.messages += slice.messages
    if let samples = slice.histogram {
      var sum = histogram ?? Histogram()
      sum.add(samples)
      histogram = sum
    }
  }

  /// The workers of a pool: what they used for all their jobs, in proportion.
  mutating func add(_ workers: Cost) {
    let part = Double(messages) / Double(workers.messages)
    cost.userNanoseconds += UInt64(Double(workers.userNanoseconds) * part)
    cost.systemNanoseconds += UInt64(Double(workers.systemNanoseconds) * part)
    cost.voluntarySwitches += Int(Double(workers.voluntarySwitches) * part)
    cost.involuntarySwitches += Int(Double(workers.involuntarySwitches) * part)
  }
}
