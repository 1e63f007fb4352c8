import IPC

extension Workload {
  /// Several senders, one receiver.
  package static let fanIn: Workload = Workload(
    name: "fan-in", summary: "several senders, one receiver", topology: .manySenders, isInQuickSet: false,
    quickCases: { row in
      [BenchmarkCase(.fanIn, row.mechanism, wait: .block, size: row.size, processes: row.processes)]
    },
    overChannel: throughput.overChannel, inPlainC: throughput.inPlainC)
}
