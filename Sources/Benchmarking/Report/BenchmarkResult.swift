package import IPC
package import Measurement

/// A row of the report: one case, over all repeats. Costs are per message, in `latency` per round trip.
package struct BenchmarkResult: Codable, Sendable {
  package struct Latency: Codable, Sendable {
    package var min: Double
    package var p50: Double
    package var p90: Double
    package var p99: Double
    package var p999: Double
    package var max: Double
    /// The 95 % interval of the median.
    package var p50Low: Double
    package var p50High: Double

    enum CodingKeys: String, CodingKey {
      case min, p50, p90, p99, p999, max
      case p50Low = "p50_low"
      case p50High = "p50_high"
    }
  }

  /// The figures of one subject.
  package struct Figures: Codable, Sendable {
    package var latency: Latency?
    package var messagesPerSecond: Estimate
    package var bytesPerSecond: Double
    package var userMicroseconds: Double
    package var systemMicroseconds: Double
    package var voluntarySwitches: Double
    package var involuntarySwitches: Double

    enum CodingKeys: String, CodingKey {
      case latency = "latency_ns"
      case messagesPerSecond = "messages_per_s"
      case bytesPerSecond = "bytes_per_s"
      case userMicroseconds = "cpu_user_us"
      case systemMicroseconds = "cpu_system_us"
      case voluntarySwitches = "switches_voluntary"
      case involuntarySwitches = "switches_involuntary"
    }

    package var cpuMicroseconds: Double { userMicroseconds + systemMicroseconds }
    package var switches: Double { voluntarySwitches + involuntarySwitches }
  }

  package var workload: Workload
  package var mechanism: String
  package var wait: WaitStrategy
  package var size: Int
  package var mode: SendMode
  /// Messages in one call.
  package var batch: Int
  package var processes: Int
  /// Messages per second that were meant to be sent: an open loop. Nil: a closed loop, or as fast as possible.
  package var rate: Double?
  package var repeats: Int
  package var figures: Figures
  /// What one message takes in each repeat, in nanoseconds: the median latency, or the time per message.
  package var each: [Double]
  /// The CPU time of all processes per message in each repeat, in microseconds; nil in a report of an earlier version.
  package var cpuEach: [Double]?
  /// The same exchange in plain C.
  package var raw: Figures?
  package var rawEach: [Double]?
  /// The library's time divided by plain C's, repeat by repeat.
  package var rawRatio: Estimate?
  /// The time of copying the message once, in nanoseconds.
  package var copyNanoseconds: Double?
  /// Cache-line round trips around the repeats, in nanoseconds: the fastest, the median and the slowest.
  package var cacheLine: Estimate?
  /// Why this figure is doubtful.
  package var warnings: [String]

  enum CodingKeys: String, CodingKey {
    case workload, mechanism, wait, size, mode, batch, processes, rate, repeats
    case each = "each_ns"
    case cpuEach = "each_cpu_us"
    case raw
    case rawEach = "raw_each_ns"
    case rawRatio = "raw_ratio"
    case copyNanoseconds = "copy_ns"
    case cacheLine = "cache_line_ns"
    case warnings
  }

  package init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    workload = try box.decode(Workload.self, forKey: .workload)
    mechanism = try box.decode(String.self, forKey: .mechanism)
    let word = try box.decode(String.self, forKey: .wait)
    guard let known = WaitStrategy(rawValue: word) else {
      throw DecodingError.dataCorruptedError(
        forKey: .wait, in: box, debugDescription: "unknown wait strategy \(word)")
    }
    wait = known
    size = try box.decode(Int.self, forKey: .size)
    mode = try box.decode(SendMode.self, forKey: .mode)
    batch = try box.decode(Int.self, forKey: .batch)
    processes = try box.decode(Int.self, forKey: .processes)
    rate = try box.decodeIfPresent(Double.self, forKey: .rate)
    repeats = try box.decode(Int.self, forKey: .repeats)
    figures = try Figures(from: decoder)
    each = try box.decode([Double].self, forKey: .each)
    cpuEach = try box.decodeIfPresent([Double].self, forKey: .cpuEach)
    raw = try box.decodeIfPresent(Figures.self, forKey: .raw)
    rawEach = try box.decodeIfPresent([Double].self, forKey: .rawEach)
    rawRatio = try box.decodeIfPresent(Estimate.self, forKey: .rawRatio)
    copyNanoseconds = try box.decodeIfPresent(Double.self, forKey: .copyNanoseconds)
    cacheLine = try box.decodeIfPresent(Estimate.self, forKey: .cacheLine)
    warnings = try box.decode([String].self, forKey: .warnings)
  }

  package func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(workload, forKey: .workload)
    try box.encode(mechanism, forKey: .mechanism)
    try box.encode(wait.rawValue, forKey: .wait)
    try box.encode(size, forKey: .size)
    try box.encode(mode, forKey: .mode)
    try box.encode(batch, forKey: .batch)
    try box.encode(processes, forKey: .processes)
    try box.encodeIfPresent(rate, forKey: .rate)
    try box.encode(repeats, forKey: .repeats)
    try figures.encode(to: encoder)
    try box.encode(each, forKey: .each)
    try box.encodeIfPresent(cpuEach, forKey: .cpuEach)
    try box.encodeIfPresent(raw, forKey: .raw)
    try box.encodeIfPresent(rawEach, forKey: .rawEach)
    try box.encodeIfPresent(rawRatio, forKey: .rawRatio)
    try box.encodeIfPresent(copyNanoseconds, forKey: .copyNanoseconds)
    try box.encodeIfPresent(cacheLine, forKey: .cacheLine)
    try box.encode(warnings, forKey: .warnings)
  }

  /// The time of one message, in nanoseconds: what the report compares.
  package var nanosecondsEach: Double { Statistics.median(each) }

  /// Equal for the same case in another report.
  package var key: String {
    "\(workload.name) \(mechanism) \(wait.rawValue) \(size) \(mode.rawValue) \(processes) \(rate ?? 0)"
  }
}
