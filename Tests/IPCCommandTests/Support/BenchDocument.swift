import Foundation
import Measurement

/// What `ipc bench --json` prints. A key that is missing or of another type fails the decoding.
struct BenchDocument: Decodable {
  struct Estimate: Decodable {
    let median: Double
    let low: Double
    let high: Double

    var isOrdered: Bool { low <= median && median <= high && low >= 0 && high.isFinite }
  }

  struct Latency: Decodable {
    let min, p50, p90, p99, p999, max: Double
    let p50Low, p50High: Double

    enum CodingKeys: String, CodingKey {
      case min, p50, p90, p99, p999, max
      case p50Low = "p50_low"
      case p50High = "p50_high"
    }

    /// The p50 is the median of the repeats' medians, so it may exceed the p90 of all samples.
    var isOrdered: Bool {
      min <= p50Low && p50Low <= p50 && p50 <= p50High && p50High <= max && min <= p90 && p90 <= p99
        && p99 <= p999 && p999 <= max
    }
  }

  struct Raw: Decodable {
    let latencyNs: Latency?
    let messagesPerS: Estimate
    let bytesPerS: Double
    let cpuUserUs, cpuSystemUs, switchesVoluntary, switchesInvoluntary: Double

    enum CodingKeys: String, CodingKey {
      case latencyNs = "latency_ns"
      case messagesPerS = "messages_per_s"
      case bytesPerS = "bytes_per_s"
      case cpuUserUs = "cpu_user_us"
      case cpuSystemUs = "cpu_system_us"
      case switchesVoluntary = "switches_voluntary"
      case switchesInvoluntary = "switches_involuntary"
    }
  }

  struct Row: Decodable {
    let workload, mechanism, wait, mode: String
    let size, batch, processes, repeats: Int
    let rate: Double?
    let eachNs: [Double]
    let figures: Raw
    let raw: Raw?
    let rawEachNs: [Double]?
    let rawRatio: Estimate?
    let copyNs: Double?
    let cacheLineNs: Estimate?
    let warnings: [String]

    enum CodingKeys: String, CodingKey {
      case workload, mechanism, wait, mode, size, batch, processes, repeats, rate, raw, warnings
      case eachNs = "each_ns"
      case rawEachNs = "raw_each_ns"
      case rawRatio = "raw_ratio"
      case copyNs = "copy_ns"
      case cacheLineNs = "cache_line_ns"
    }

    init(from decoder: any Decoder) throws {
      let box = try decoder.container(keyedBy: CodingKeys.self)
      workload = try box.decode(String.self, forKey: .workload)
      mechanism = try box.decode(String.self, forKey: .mechanism)
      wait = try box.decode(String.self, forKey: .wait)
      mode = try box.decode(String.self, forKey: .mode)
      size = try box.decode(Int.self, forKey: .size)
      batch = try box.decode(Int.self, forKey: .batch)
      processes = try box.decode(Int.self, forKey: .processes)
      repeats = try box.decode(Int.self, forKey: .repeats)
      rate = try box.decodeIfPresent(Double.self, forKey: .rate)
      eachNs = try box.decode([Double].self, forKey: .eachNs)
      // The library's own figures stand in the row itself.
      figures = try Raw(from: decoder)
      raw = try box.decodeIfPresent(Raw.self, forKey: .raw)
      rawEachNs = try box.decodeIfPresent([Double].self, forKey: .rawEachNs)
      rawRatio = try box.decodeIfPresent(Estimate.self, forKey: .rawRatio)
      copyNs = try box.decodeIfPresent(Double.self, forKey: .copyNs)
      cacheLineNs = try box.decodeIfPresent(Estimate.self, forKey: .cacheLineNs)
      warnings = try box.decode([String].self, forKey: .warnings)
    }
  }

  struct Machine: Decodable {
    let cpu: String
    let cpus: Int
    let kernel: String
    let memoryKb: Int
    let virtual: Bool
    let governor: String
    let clockSource: String
    let mitigations: [String: String]
    let limits: [String: Int]

    enum CodingKeys: String, CodingKey {
      case cpu, cpus, kernel, virtual, governor, mitigations, limits
      case memoryKb = "memory_kb"
      case clockSource = "clock_source"
    }
  }

  struct Method: Decodable {
    let seed: Int
    let repeats: Int
    let secondsPerRepeat: Double
    let slices: Int
    let cpus: [Int]
    let raw: Bool
    let quick: Bool
    let order: [[Int]]
    let clockNs: Double
    let secondsTaken: Double
    let leftOut: [String]
    let notes: [String]

    enum CodingKeys: String, CodingKey {
      case seed, repeats, slices, cpus, raw, quick, order, notes
      case secondsPerRepeat = "seconds_per_repeat"
      case clockNs = "clock_ns"
      case secondsTaken = "seconds_taken"
      case leftOut = "left_out"
    }
  }

  let version: Int
  let tool: String
  let measuredAt: String
  let machine: Machine
  let method: Method
  let cacheLineNs: Estimate?
  let results: [Row]

  enum CodingKeys: String, CodingKey {
    case version, tool, machine, method, results
    case measuredAt = "measured_at"
    case cacheLineNs = "cache_line_ns"
  }

  /// The whole of standard output must be the document.
  init(_ output: String) throws {
    self = try JSONDecoder().decode(BenchDocument.self, from: Data(output.utf8))
  }
}
