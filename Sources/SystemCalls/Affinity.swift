import CSystem

extension Processes {
  /// The CPUs on which this process may run, by their numbers (sched_getaffinity(2)); empty where the kernel doesn't
  /// say.
  package static let usableCPUs: [Int] = (0...Int(csystem_largest_cpu())).filter {
    csystem_may_run_on(Int32($0))
  }
}
