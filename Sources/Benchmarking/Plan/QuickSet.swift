package import IPC

/// What `ipc bench` measures when nobody says what: enough for every table and chart of the report, in under three
/// minutes.
package enum QuickSet {
  package static func cases(
    _ workloads: [Workload], _ mechanisms: [Mechanism], processes: Int = 2
  ) -> (cases: [BenchmarkCase], leftOut: [String]) {
    var wanted: [BenchmarkCase] = []
    for mechanism in mechanisms {
      let size =
        switch mechanism.traits.carries {
        case .messages: 64
        case .tokens: 0
        case .integers: 4
        }
      for wait in [WaitStrategy.block, .spin, .adaptive] {
        wanted.append(BenchmarkCase(.latency, mechanism, wait: wait, size: size))
      }
      for bytes in mechanism.traits.carries == .messages ? [64, 1024, 65536, 1 << 20] : [size] {
        wanted.append(BenchmarkCase(.throughput, mechanism, wait: .block, size: bytes))
      }
      wanted.append(BenchmarkCase(.throughput, mechanism, wait: .block, size: size, mode: .batched))
      for bytes in [65536, 1 << 20] {
        wanted.append(BenchmarkCase(.throughput, mechanism, wait: .block, size: bytes, mode: .inPlace))
      }
      wanted.append(BenchmarkCase(.wake, mechanism, wait: .block, size: size))
      wanted.append(BenchmarkCase(.jobs, mechanism, wait: .adaptive, size: size, processes: processes))
      if workloads.count < Workload.allCases.count {
        wanted.append(BenchmarkCase(.fanIn, mechanism, wait: .block, size: size, processes: processes))
        wanted.append(BenchmarkCase(.fanOut, mechanism, wait: .block, size: size, processes: processes))
      }
    }
    wanted.removeAll { !workloads.contains($0.workload) }
    var leftOut: [String] = []
    for each in wanted where each.mode == .each {
      if let obstacle = each.obstacle, !leftOut.contains(obstacle) { leftOut.append(obstacle) }
    }
    return (wanted.filter { $0.obstacle == nil }, leftOut)
  }
}
