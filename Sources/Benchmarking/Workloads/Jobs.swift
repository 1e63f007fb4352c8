import IPC

extension Workload {
  /// A worker pool whose jobs do nothing. ``PoolExchange`` runs it.
  package static let jobs: Workload = Workload(
    name: "jobs", summary: "a worker pool whose jobs do nothing", topology: .workerPool,
    quickCases: { row in
      [BenchmarkCase(.jobs, row.mechanism, wait: .adaptive, size: row.size, processes: row.processes)]
    },
    overChannel: nil)
}
