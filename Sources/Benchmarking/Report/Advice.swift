import IPC
import Measurement

/// Which mechanism to use, according to measurements on this machine.
package struct Advice: Sendable, Encodable {
  /// How the processes communicate.
  package enum Pattern: String, CaseIterable, Sendable, Codable {
    /// Messages one way, as many as possible.
    case stream
    /// Requests and replies.
    case request
    /// A coordinator and workers.
    case jobs

    /// The workload that is measured for it.
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

  /// Smaller messages gain by being sent several in one call.
  private static let smallMessage = 4096

  package let pattern: Pattern
  package let size: Int
  package let choice: Candidate
  package let runnerUp: Candidate?
  /// The mechanisms that the repeats don't tell apart from the choice.
  package let tied: [String]
  package let reason: String
  /// How sure it is that the choice, and what is tied with it, is first.
  package let certainty: String
  /// When another choice is better.
  package let unless: [String]

  enum CodingKeys: String, CodingKey {
    case pattern, size, choice
    case runnerUp = "runner_up"
    case tied, reason, certainty, unless
  }

  /// - Parameter crossesMachines: whether only mechanisms that reach another machine were measured.
  package init?(_ pattern: Pattern, size: Int, _ results: [BenchmarkResult], crossesMachines: Bool) {
    let contest = Contest(results.map(\.mechanism), results.map(\.each), seed: 1)
    let ranking = contest.ranking
    certainty = contest.certainty
    guard let first = ranking.groups.first else { return nil }
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
    // Among those that the repeats don't tell apart, the one that uses the least CPU.
    let equals = first.map { results[$0] }.sorted { $0.figures.cpuMicroseconds < $1.figures.cpuMicroseconds }
    let chosen = equals[0]
    choice = candidate(chosen)
    tied = equals.dropFirst().map(\.mechanism)
    let second = equals.count > 1 ? equals[1] : ranking.groups.dropFirst().first.map { results[$0[0]] }
    runnerUp = second.map(candidate)
    if equals.count > 1 {
      let names = first.map { results[$0].mechanism }
      reason =
        "\(names.dropLast().joined(separator: ", ")) and \(names[names.count - 1]) are equally fast here, within the noise; \(chosen.mechanism) uses the least CPU"
    } else if let second {
      let factor = second.nanosecondsEach / chosen.nanosecondsEach
      reason =
        "\(second.mechanism), the next, takes \(Figure.fixed(factor, factor < 2 ? 2 : 1)) times as long here"
    } else {
      reason =
        crossesMachines
        ? "the only mechanism that reaches another machine" : "the only mechanism that can carry this"
    }
    var unless: [String] = []
    let mechanism = try? Mechanism(named: chosen.mechanism)
    if let caveat = mechanism?.traits.caveat, !caveat.isEmpty { unless.append("note: \(caveat)") }
    if pattern == .stream, size < Self.smallMessage {
      unless.append(
        "for many small messages, ?coalesce=yes sends several in one call, which is several times as fast")
    }
    self.unless = unless
  }

  package var text: String {
    var lines = ["use \(choice.text)", "  because: \(reason)"]
    lines.append("  how sure: \(certainty)")
    if let runnerUp { lines.append("  runner-up: \(runnerUp.text)") }
    lines += unless.map { "  \($0)" }
    return lines.joined(separator: "\n")
  }
}
