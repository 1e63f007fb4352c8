import FoundationEssentials
import IPC
package import Measurement

/// The results of one run. What `--json` prints; `Benchmark.md` in the documentation has the schema.
package struct BenchmarkReport: Codable, Sendable {
  /// Incremented when a reader of older reports would misread newer ones.
  package static let version = 1

  /// How it was measured.
  package struct Method: Codable, Sendable {
    package var seed: UInt64
    package var repeats: Int
    package var secondsPerRepeat: Double
    package var slices: Int
    package var cpus: [Int]
    /// Whether processes are pinned also where there are more of them than CPUs.
    package var pinsAll: Bool
    package var raw: Bool
    package var isQuick: Bool
    /// The cases of each round, by their index in `results`, in the order of measurement.
    package var order: [[Int]]
    /// The time of reading the clock once, which is part of every sample.
    package var clockNanoseconds: Double
    package var secondsTaken: Double
    package var leftOut: [String]
    package var notes: [String]

    enum CodingKeys: String, CodingKey {
      case seed, repeats
      case secondsPerRepeat = "seconds_per_repeat"
      case slices, cpus, raw
      case pinsAll = "pins_all"
      case isQuick = "quick"
      case order
      case clockNanoseconds = "clock_ns"
      case secondsTaken = "seconds_taken"
      case leftOut = "left_out"
      case notes
    }
  }

  package var version = BenchmarkReport.version
  package var tool: String
  package var measuredAt: String
  package var machine: MachineDescription
  package var method: Method
  /// A cache line's round trip between the two CPUs, in nanoseconds: a lower bound of every exchange.
  package var cacheLine: Estimate?
  package var results: [BenchmarkResult]

  enum CodingKeys: String, CodingKey {
    case version, tool
    case measuredAt = "measured_at"
    case machine, method
    case cacheLine = "cache_line_ns"
    case results
  }

  /// How the figures are to be read.
  package static let notes = [
    "latency is a closed loop (a ping-pong): one message there, one back, the round trip; with --rate it is an open loop, one way, timed from the instant at which the message was meant to be sent",
    "throughput runs from the sender's first call to the receiver's last; one message per call unless it says batched",
    "wake is one way: from just before the send to the return of a receiver that had slept for 0.25 ms",
    "each repeat has fresh processes; the library and plain C (raw) are measured in turn, four slices each, in the same repeat; raw_ratio compares them repeat by repeat",
    "intervals are 95 % bootstrap intervals of the median over the repeats; nothing is dropped",
    "each message carries its number at its beginning and a checksum of it at its end, checked for every message (two stores, two loads, the same in raw); every byte is written and checked in a part that isn't timed",
    "costs are of all processes of the exchange, per message (latency: per round trip); in wake, and with --rate, of the receiver alone, since the sender spins until its instant; wake's rate is only the pauses between its messages",
    "p50 is the median over the repeats of their medians, the other percentiles are of all samples together; with five repeats or fewer an interval is their whole range, and covers less than 95 %",
    "a receiver of a stream through shared memory may wait 0.7 µs to find many messages at once, also in the block rows; plain C doesn't",
  ]

  /// Reads an earlier report.
  package static func read(_ path: String) throws(BenchmarkError) -> BenchmarkReport {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw BenchmarkError(.call, "\(path) can't be read: name a file that ipc bench --json wrote")
    }
    struct Head: Decodable { let version: Int? }
    do {
      let head = try JSONDecoder().decode(Head.self, from: data)
      guard head.version == version else {
        let found = head.version.map { "version \($0)" } ?? "no version"
        throw BenchmarkError(
          .call, "\(path) has \(found), and this reads version \(version): measure again with this version")
      }
      let report = try JSONDecoder().decode(BenchmarkReport.self, from: data)
      let times = report.results.flatMap { [$0.each] + ($0.rawEach.map { [$0] } ?? []) }
      guard times.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0 > 0 && $0.isFinite } }) else {
        throw BenchmarkError(.call, "\(path) has rows without times: name a file that ipc bench --json wrote")
      }
      return report
    } catch let error as BenchmarkError {
      throw error
    } catch {
      throw BenchmarkError(
        .call, "\(path) isn't a report of ipc bench: name a file that ipc bench --json wrote")
    }
  }
}
