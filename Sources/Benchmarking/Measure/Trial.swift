import IPC
import Measurement
import SystemCalls

/// One repeat of one case.
///
/// Each subject has fresh processes. All of them run, and are measured in turn in short slices, so that what the machine
/// does meanwhile affects all alike.
struct Trial {
  /// What one subject did in one repeat.
  struct Outcome {
    var messages: UInt64 = 0
    var nanoseconds: UInt64 = 0
    var histogram: Histogram?
    var cost = Cost()

    var perSecond: Double { Double(messages) * 1e9 / Double(max(1, nanoseconds)) }
    var nanosecondsEach: Double { Double(nanoseconds) / Double(max(1, messages)) }
  }

  struct Result {
    var outcomes: [BenchmarkSubject.Kind: Outcome] = [:]
    /// Cache-line round trips before and after, in nanoseconds.
    var probes: [Double] = []
    /// Clock ticks of CPU time that the host gave to others meanwhile.
    var stolenTicks = 0
  }

  static let slices = 4
  /// The copy of a smaller message isn't measured: its time is that of the loop.
  private static let smallestCopy = 1024
  /// How many bytes are checked before the measurement, roughly.
  private static let checkedBytes = 4 << 20
  /// How long a trial run takes at least before its rate is believed.
  private static let leastTrialNanoseconds = 8e6

  let benchmark: BenchmarkCase
  let plan: BenchmarkPlan
  let control: BenchmarkControl

  /// What a case is measured on.
  static func subjects(_ benchmark: BenchmarkCase, _ plan: BenchmarkPlan) -> [BenchmarkSubject.Kind] {
    var kinds = [BenchmarkSubject.Kind.channel]
    if plan.raw, benchmark.hasBaseline { kinds.append(.raw) }
    // A message through memory costs one copy at least; in place it costs none.
    if plan.raw, benchmark.workload.topology == .pair, !benchmark.workload.isTimed, benchmark.mode == .each,
      benchmark.size >= smallestCopy, benchmark.mechanism.traits.writesInPlace, benchmark.hasBaseline
    {
      kinds.append(.floor)
    }
    return kinds
  }

  func run(_ random: inout SeededRandom) throws -> Result {
    let page = try SharedPage()
    let kinds = Self.subjects(benchmark, plan).shuffled(using: &random)
    let steal = MachineDescription.stolenTicks
    let isPinned = !plan.cpus.isEmpty && (plan.pinsAll || benchmark.processCount <= plan.cpus.count)
    let raw = kinds.contains(.raw) ? try BenchmarkSubject.rawChannels(benchmark) : []
    let subjects = try kinds.map {
      try BenchmarkSubject(
        $0, benchmark, page: page, raw: raw, cpus: isPinned ? plan.cpus : [], plan: plan,
        control: control)
    }
    var counts: [UInt64] = []
    for subject in subjects { counts.append(try prepare(subject)) }
    var result = Result()
    let probing =
      isPinned && Set(plan.cpus.prefix(2)).count > 1 ? subjects.first { $0.kind == .channel } : nil
    if let probe = try probing?.probe() { result.probes.append(probe) }
    for slice in 0..<Self.slices {
      // In alternating order, so that no subject is always first.
      let indices = Array(subjects.indices)
      for index in slice % 2 == 0 ? indices : indices.reversed() {
        let measured = try subjects[index].exchange(counts[index])
        result.outcomes[kinds[index], default: Outcome()].add(measured)
      }
    }
    if let probe = try probing?.probe() { result.probes.append(probe) }
    for (index, subject) in subjects.enumerated() {
      guard let workers = try subject.finish(), workers.messages > 0 else { continue }
      // What the workers of a pool used is only known for all their jobs.
      result.outcomes[kinds[index]]?.add(workers)
    }
    result.stolenTicks = MachineDescription.stolenTicks - steal
    return result
  }

  /// Checks every byte of some messages, warms up, and finds out how many messages fill a slice.
  private func prepare(_ subject: BenchmarkSubject) throws -> UInt64 {
    let slice = plan.seconds / Double(Self.slices) * 1e9
    let senders = UInt64(benchmark.counts.senders)
    let checked = UInt64(min(64, max(2, Self.checkedBytes / max(1, benchmark.size))))
    _ = try subject.exchange(checked * senders, verifies: true)
    if let rate = benchmark.rate { return UInt64(max(1, rate * slice / 1e9)) }
    var count: UInt64 = benchmark.workload.needsSleepingReceiver ? 4 : 16 * senders
    while true {
      let trial = try subject.exchange(count)
      let took = Double(trial.nanoseconds)
      // Long enough for an estimate, or a good part of a slice.
      if took >= min(slice / 3, Self.leastTrialNanoseconds) {
        // Twice: a pause of the machine during the first would make every slice too short.
        let again = try subject.exchange(count)
        return max(senders, UInt64(Double(count) * slice / min(took, Double(again.nanoseconds))))
      }
      count = UInt64(Double(count) * min(8, max(2, slice / 2 / max(took, 1))))
    }
  }
}

extension Trial.Outcome {
  mutating func add(_ slice: BenchmarkSubject.Slice) {
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

  /// Adds what the workers of a pool used for all their jobs, in proportion to the messages that were measured.
  mutating func add(_ workers: Cost) {
    let part = Double(messages) / Double(workers.messages)
    cost.userNanoseconds += UInt64(Double(workers.userNanoseconds) * part)
    cost.systemNanoseconds += UInt64(Double(workers.systemNanoseconds) * part)
    cost.voluntarySwitches += Int(Double(workers.voluntarySwitches) * part)
    cost.involuntarySwitches += Int(Double(workers.involuntarySwitches) * part)
  }
}
