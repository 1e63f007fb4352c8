package import Measurement
import SystemCalls

/// What one step of each model of concurrency costs: the time that a model itself takes, when nothing has to be waited for.
package struct StepsReport: Sendable, Encodable {
  package struct Step: Sendable, Encodable {
    package let name: String
    package let what: String
    /// The time of one step, in nanoseconds: the median of the repeats, and its 95 % interval.
    package let nanoseconds: Estimate
    package let repeats: [Double]
  }

  package let machine: MachineDescription
  package let seed: UInt64
  package let seconds: Double
  package let steps: [Step]

  /// The names that ``measure(_:repeats:seconds:seed:progress:)`` takes.
  package static let names = ConcurrencyStep.all.map(\.name)
  /// Each name, and what the step is.
  package static let list = ConcurrencyStep.all.map { (name: $0.name, what: $0.what) }

  /// Measures each step once per repeat, in another order each time, so that what the machine does affects all alike.
  package static func measure(
    _ names: [String], repeats: Int, seconds: Double, seed: UInt64, progress: (String) -> Void
  ) throws -> StepsReport {
    let chosen = ConcurrencyStep.all.filter { names.contains($0.name) }
    var random = SeededRandom(seed: seed)
    // How many steps fill the time. Finding out warms up as well.
    let counts = try chosen.map { step in
      progress("\(step.name): trial run")
      return try Self.count(step, seconds: seconds)
    }
    var values = [[Double]](repeating: [], count: chosen.count)
    for round in 0..<repeats {
      for index in chosen.indices.shuffled(using: &random) {
        progress("[\(round + 1)/\(repeats)] \(chosen[index].name)")
        values[index].append(Double(try chosen[index].run(counts[index])) / Double(counts[index]))
      }
    }
    return StepsReport(
      machine: MachineDescription(), seed: seed, seconds: seconds,
      steps: zip(chosen, values).map { step, values in
        Step(
          name: step.name, what: step.what, nanoseconds: Statistics.estimate(values, seed: seed),
          repeats: values)
      })
  }

  private static let leastSteps = 64
  private static let mostSteps = 1 << 26

  private static func count(_ step: ConcurrencyStep, seconds: Double) throws -> Int {
    var count = leastSteps
    while count < mostSteps {
      let took = Double(try step.run(count)) / 1e9
      if took > seconds / 4 { return max(leastSteps, Int(Double(count) * seconds / took)) }
      count *= 4
    }
    return count
  }

  /// For a person.
  package func table(_ layout: TextLayout) -> String {
    let largest = steps.map(\.nanoseconds.median).max() ?? 0
    var table = Table(
      [
        ("step", .left), ("time", .right), ("", .left), ("±", .right), ("per second", .right),
        ("what one step is", .left),
      ], leastImportant: ["per second", "what one step is"])
    for step in steps {
      table.add([
        step.name, Figure.time(microseconds: step.nanoseconds.median / 1000),
        Figure.bar(step.nanoseconds.median, of: largest, width: 10),
        "±\(Figure.short(step.nanoseconds.spread * 100)) %",
        Figure.short(1e9 / step.nanoseconds.median), step.what,
      ])
    }
    return table.text(layout)
      + layout.wrapped("\n\ntime: of one step, the median of the repeats; ±: half its 95 % interval.")
      + (steps.contains { $0.name.hasPrefix(RuntimeSteps.prefix) }
        ? layout.wrapped(
          """
          \n\n\(RuntimeSteps.prefix)…: what Swift's runtime alone takes. A round trip holds runtime-cancellable, and a \
          task on the scheduler holds runtime-task-in-turn; the rest is this package's.
          """) : "")
  }
}
