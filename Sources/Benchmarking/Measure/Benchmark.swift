import CBaseline
import FoundationEssentials
import IPC
import Measurement
import SystemCalls

/// A whole run: every case, in every round.
package struct Benchmark {
  package struct Progress: Sendable {
    package var done: Int
    package var total: Int
    package var secondsLeft: Double
    package var label: String
  }

  private let plan: BenchmarkPlan
  private let control: BenchmarkControl
  private let tool: String

  package init(_ plan: BenchmarkPlan, tool: String, control: BenchmarkControl) {
    self.plan = plan
    self.tool = tool
    self.control = control
  }

  /// Measures all of it, or throws.
  package func run(_ progress: (Progress) -> Void = { _ in }) throws -> BenchmarkReport {
    // Writing to a process that was killed is an error, not the end of this process.
    Streams.ignoreSIGPIPE
    let start = Clock.now()
    var trials = [[Trial.Result]](repeating: [], count: plan.cases.count)
    var random = SeededRandom(seed: plan.seed &+ 1)
    let order = plan.order
    let total = plan.cases.count * plan.repeats
    var done = 0
    for round in order {
      for index in round {
        if control.isInterrupted { throw BenchmarkError(.interrupted, "") }
        let elapsed = Double(Clock.now() - start) / 1e9
        progress(
          Progress(
            done: done, total: total,
            secondsLeft: done == 0 ? 0 : elapsed / Double(done) * Double(total - done),
            label: plan.cases[index].label))
        do {
          trials[index].append(
            try Trial(benchmark: plan.cases[index], plan: plan, control: control).run(&random))
        } catch let error as ChannelError {
          throw BenchmarkError(
            control.isInterrupted ? .interrupted : .work, "\(plan.cases[index].label): \(error)")
        } catch let error as SystemError {
          throw BenchmarkError(
            control.isInterrupted ? .interrupted : .work,
            "\(plan.cases[index].label): \(error.call.rawValue): \(error.description)")
        }
        done += 1
      }
    }
    let results = plan.cases.indices.map {
      BenchmarkResult(plan.cases[$0], trials[$0], seed: plan.seed &+ UInt64($0))
    }
    let probes = trials.flatMap { $0.flatMap(\.probes) }
    var method = BenchmarkReport.Method(
      seed: plan.seed, repeats: plan.repeats, secondsPerRepeat: plan.seconds, slices: Trial.slices,
      cpus: plan.cpus, pinsAll: plan.pinsAll,
      raw: plan.raw, isQuick: plan.isQuick, order: order, clockNanoseconds: baseline_clock_cost(),
      secondsTaken: 0,
      leftOut: plan.leftOut, notes: BenchmarkReport.notes)
    method.secondsTaken = Double(Clock.now() - start) / 1e9
    return BenchmarkReport(
      tool: tool, measuredAt: Date.now.ISO8601Format(), machine: MachineDescription(),
      method: method,
      cacheLine: probes.isEmpty ? nil : Statistics.estimate(probes, seed: plan.seed), results: results)
  }
}
