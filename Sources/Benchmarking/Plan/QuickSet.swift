package import IPC

/// What `ipc bench` measures where the caller names nothing: enough for every table and chart of the report, in under
/// three minutes.
package enum QuickSet {
  package static func cases(
    _ workloads: [Workload], _ mechanisms: [Mechanism], processes: Int = 2
  ) -> (cases: [BenchmarkCase], leftOut: [String]) {
    let isWhole = workloads.count == Workload.all.count
    let wanted = mechanisms.flatMap { mechanism in
      let size =
        switch mechanism.traits.carries {
        case .messages: 64
        case .tokens: 0
        case .integers: MemoryLayout<Int32>.size
        }
      let row = QuickRow(mechanism: mechanism, size: size, processes: processes)
      return workloads.filter { !isWhole || $0.isInQuickSet }.flatMap { $0.quickCases(row) }
    }
    var leftOut: [String] = []
    for each in wanted where each.mode == .each {
      if let obstacle = each.obstacle, !leftOut.contains(obstacle) { leftOut.append(obstacle) }
    }
    return (wanted.filter { $0.obstacle == nil }, leftOut)
  }
}
