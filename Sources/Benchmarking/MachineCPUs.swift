import CBaseline

/// The CPUs that this process may run on, by their numbers.
package enum MachineCPUs {
  package static let usable: [Int] = (0..<1024).filter { baseline_may_run_on(Int32($0)) }
}
