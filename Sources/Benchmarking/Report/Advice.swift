import IPC
import Measurement

/// Which mechanism to use, from figures of this machine.
package struct Advice: Sendable, Encodable {
  /// How the processes talk.
  package enum Pattern: String, CaseIterable, Sendable, Codable {
    /// Messages one way, as many as go.
    case stream
    /// One asks, the other answers.
    case request
    /// A coordinator and workers.
    case jobs

    /// What is measured for it.
    package func workload(processes: Int) -> Workload {
      switch self {
      case .stream: processes > 2 ? .fanIn : .throughput
      case .request: .latency
      case .jobs: .jobs
      }
    }
  }

  package struct Candidate: Sendable, Encodable {
    package let mechanism: String
    package let nanosecondsEach: Double
    package let cpuMicroseconds: Double
    package let text: String

    enum CodingKeys: String, CodingKey {
      case mechanism
      case nanosecondsEach = "each_ns"
      case cpuMicroseconds = "cpu_us"
      case text
    }
  }

  package let pattern: Pattern
  package let size: Int
  package let choice: Candidate
  package let runnerUp: Candidate?
  package let reason: String
  /// When something else would be right.
  package let unless: [String]

  enum CodingKeys: String, CodingKey {
    case pattern, size, choice
    case runnerUp = "runner_up"
    case reason, unless
  }

  /// - Parameter crossesMachines: only what reaches another machine was measured.
  package init?(_ pattern: Pattern, size: Int, _ results: [BenchmarkResult], crossesMachines: Bool) {
    let ranked = results.sorted { $0.nanosecondsEach < $1.nanosecondsEach }
    guard let best = ranked.first else { return nil }
    func candidate(_ result: BenchmarkResult) -> Candidate {
      let figure =
        pattern == .request
        ? "\(Figure.time(nanoseconds: result.nanosecondsEach)) a round trip"
        : "\(Figure.rate(result.figures.messagesPerSecond.median, pattern == .jobs ? " jobs" : " messages"))"
      return Candidate(
        mechanism: result.mechanism, nanosecondsEach: result.nanosecondsEach,
        cpuMicroseconds: result.figures.cpuMicroseconds,
        text:
          "\(result.mechanism): \(figure), \(Figure.time(microseconds: result.figures.cpuMicroseconds)) of CPU each"
      )
    }
    self.pattern = pattern
    self.size = size
    // Among those that can't be told apart, the one that costs less CPU.
    let interval = Statistics.estimate(best.each, seed: 1)
    let equals = ranked.filter {
      Statistics.estimate($0.each, seed: 1).low <= interval.high
        && $0.nanosecondsEach <= best.nanosecondsEach * 1.2
    }
    let chosen = equals.min { $0.figures.cpuMicroseconds < $1.figures.cpuMicroseconds } ?? best
    choice = candidate(chosen)
    let second = ranked.first { $0.mechanism != chosen.mechanism }
    runnerUp = second.map(candidate)
    if let second {
      let factor = second.nanosecondsEach / chosen.nanosecondsEach
      reason =
        equals.contains { $0.mechanism == second.mechanism }
        ? "\(chosen.mechanism) and \(second.mechanism) can't be told apart here; \(chosen.mechanism) needs less CPU"
        : "\(second.mechanism), the next, takes \(Figure.fixed(factor, factor < 2 ? 2 : 1)) times as long here"
    } else {
      reason =
        crossesMachines
        ? "the only one that reaches another machine" : "the only one that can carry this"
    }
    var unless: [String] = []
    let mechanism = try? Mechanism(named: chosen.mechanism)
    if let caveat = mechanism?.traits.caveat, !caveat.isEmpty { unless.append("mind: \(caveat)") }
    if pattern == .stream, size < 4096 {
      unless.append(
        "many small messages go several times as fast when they may wait for each other: ?coalesce=yes")
    }
    self.unless = unless
  }

  package var text: String {
    var lines = ["use \(choice.text)", "  because: \(reason)"]
    if let runnerUp { lines.append("  runner-up: \(runnerUp.text)") }
    lines += unless.map { "  \($0)" }
    return lines.joined(separator: "\n")
  }
}
