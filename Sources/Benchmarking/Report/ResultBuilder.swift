import IPC
import Measurement

extension BenchmarkResult {
  /// The row of a case, from its repeats.
  init(_ benchmark: BenchmarkCase, _ trials: [Trial.Result], seed: UInt64) {
    workload = benchmark.workload
    mechanism = benchmark.mechanism.name
    wait = benchmark.wait
    size = benchmark.size
    mode = benchmark.mode
    batch = benchmark.mode == .batched ? Self.batch(benchmark) : 1
    processes = benchmark.processes
    rate = benchmark.rate
    repeats = trials.count
    func outcomes(_ kind: BenchmarkSubject.Kind) -> [Trial.Outcome] {
      trials.compactMap { $0.outcomes[kind] }
    }
    let ours = outcomes(.channel)
    let baseline = outcomes(.raw)
    let isTimed = benchmark.workload.isTimed
    let mine = ours.map { Self.each($0, isTimed) }
    figures = Figures(ours, mine, benchmark, seed: seed)
    each = mine
    cpuEach = ours.map {
      Double($0.cost.userNanoseconds + $0.cost.systemNanoseconds) / 1000 / Double(max(1, $0.cost.messages))
    }
    rawEach = nil
    rawRatio = nil
    raw = nil
    if baseline.count == ours.count, !baseline.isEmpty {
      let theirs = baseline.map { Self.each($0, isTimed) }
      raw = Figures(baseline, theirs, benchmark, seed: seed)
      rawEach = theirs
      rawRatio = Statistics.estimate(zip(mine, theirs).map { $0 / $1 }, seed: seed)
    }
    let copies = outcomes(.floor).map(\.nanosecondsEach)
    copyNanoseconds = copies.isEmpty ? nil : Statistics.median(copies)
    let probes = trials.flatMap(\.probes)
    cacheLine =
      probes.isEmpty
      ? nil : Estimate(median: Statistics.median(probes), low: probes.min()!, high: probes.max()!)
    warnings = []
    warnings = Doubt.warnings(
      self, stolenTicks: trials.reduce(0) { $0 + $1.stolenTicks }, trials: trials.count)
  }

  private static func each(_ outcome: Trial.Outcome, _ isTimed: Bool) -> Double {
    guard isTimed, let histogram = outcome.histogram else { return outcome.nanosecondsEach }
    return Double(histogram.percentile(0.5))
  }

  /// How many messages go in one call when they are batched.
  private static func batch(_ benchmark: BenchmarkCase) -> Int {
    let unit = benchmark.mechanism.traits.bytesPerCall ?? RawChannel.defaultUnit
    return max(1, unit / (benchmark.size + FrameHeader.size))
  }
}

extension BenchmarkResult.Figures {
  init(_ outcomes: [Trial.Outcome], _ each: [Double], _ benchmark: BenchmarkCase, seed: UInt64) {
    if benchmark.workload.isTimed {
      var sum = Histogram()
      for outcome in outcomes { if let histogram = outcome.histogram { sum.add(histogram) } }
      let middle = Statistics.estimate(each, seed: seed)
      latency = BenchmarkResult.Latency(
        min: Double(sum.count == 0 ? 0 : sum.min), p50: middle.median,
        p90: Double(sum.percentile(0.9)), p99: Double(sum.percentile(0.99)),
        p999: Double(sum.percentile(0.999)), max: Double(sum.max), p50Low: middle.low, p50High: middle.high)
    }
    messagesPerSecond = Statistics.estimate(outcomes.map(\.perSecond), seed: seed)
    bytesPerSecond = messagesPerSecond.median * Double(benchmark.size)
    func perMessage(_ value: (Cost) -> Double) -> Double {
      Statistics.median(outcomes.map { value($0.cost) / Double(max(1, $0.cost.messages)) })
    }
    userMicroseconds = perMessage { Double($0.userNanoseconds) / 1000 }
    systemMicroseconds = perMessage { Double($0.systemNanoseconds) / 1000 }
    voluntarySwitches = perMessage { Double($0.voluntarySwitches) }
    involuntarySwitches = perMessage { Double($0.involuntarySwitches) }
  }
}
