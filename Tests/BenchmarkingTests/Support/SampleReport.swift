import Benchmarking
import Foundation
import Measurement

/// Reports made up by tests. They come from JSON, as an earlier run's does: what can be read is what is tested.
struct SampleReport {
  var cpu = "Sample CPU"
  var cpus = 2
  var kernel = "6.1"
  var pinned = [0, 1]
  var leftOut: [String] = []
  var version = 1
  var cacheLine: Double? = 100
  var rows: [Row] = []

  struct Row {
    var workload = "throughput"
    var mechanism = "pipe"
    var wait = "block"
    var size = 64
    var mode = "each"
    var processes = 2
    var rate: Double?
    /// Nanoseconds, one per repeat.
    var each: [Double] = [1000, 1010, 990, 1005, 995]
    var raw: [Double]?
    var cacheLine: Double? = 100
    var copy: Double?
    var warnings: [String] = []

    func times(_ factor: Double, raw rawFactor: Double? = nil) -> Row {
      var row = self
      row.each = each.map { $0 * factor }
      row.raw = raw.map { $0.map { $0 * (rawFactor ?? factor) } }
      return row
    }
  }

  private static func estimate(_ values: [Double]) -> [String: Any] {
    ["median": Statistics.median(values), "low": values.min() ?? 0, "high": values.max() ?? 0]
  }

  private static func figures(_ each: [Double], _ row: Row) -> [String: Any] {
    let rates = each.map { 1e9 / $0 }
    var figures: [String: Any] = [
      "messages_per_s": estimate(rates), "bytes_per_s": Statistics.median(rates) * Double(row.size),
      "cpu_user_us": 0.5, "cpu_system_us": 1.5, "switches_voluntary": 2, "switches_involuntary": 0.01,
    ]
    if ["latency", "wake"].contains(row.workload) {
      let middle = Statistics.median(each)
      figures["latency_ns"] = [
        "min": middle / 2, "p50": middle, "p90": middle * 2, "p99": middle * 4, "p999": middle * 30,
        "max": middle * 500, "p50_low": each.min() ?? 0, "p50_high": each.max() ?? 0,
      ]
    }
    return figures
  }

  private static func json(_ row: Row) -> [String: Any] {
    var json: [String: Any] = [
      "workload": row.workload, "mechanism": row.mechanism, "wait": row.wait, "size": row.size,
      "mode": row.mode, "batch": row.mode == "batched" ? 100 : 1, "processes": row.processes,
      "repeats": row.each.count, "each_ns": row.each, "warnings": row.warnings,
    ]
    json.merge(figures(row.each, row)) { $1 }
    json["rate"] = row.rate
    json["copy_ns"] = row.copy
    if let line = row.cacheLine { json["cache_line_ns"] = estimate([line * 0.95, line, line * 1.05]) }
    if let raw = row.raw {
      json["raw"] = figures(raw, row)
      json["raw_each_ns"] = raw
      json["raw_ratio"] = estimate(zip(row.each, raw).map { $0 / $1 })
    }
    return json
  }

  var data: Data {
    get throws {
      var json: [String: Any] = [
        "version": version, "tool": "test", "measured_at": "2026-01-02T03:04:05Z",
        "machine": [
          "cpu": cpu, "cpus": cpus, "kernel": kernel, "memory_kb": 1_000_000, "virtual": true,
          "governor": "not told", "clock_source": "tsc", "mitigations": ["meltdown": "Mitigation: <PTI>"],
          "limits": ["PIPE_BUF": 4096],
        ] as [String: Any],
        "method": [
          "seed": 1, "repeats": 5, "seconds_per_repeat": 0.25, "slices": 4, "cpus": pinned, "pins_all": false,
          "raw": true,
          "quick": false, "order": [Array(rows.indices)], "clock_ns": 25.5, "seconds_taken": 12.5,
          "left_out": leftOut, "notes": ["a note"],
        ] as [String: Any],
        "results": rows.map(Self.json),
      ]
      if let cacheLine { json["cache_line_ns"] = Self.estimate([cacheLine]) }
      return try JSONSerialization.data(withJSONObject: json)
    }
  }

  var report: BenchmarkReport {
    get throws { try JSONDecoder().decode(BenchmarkReport.self, from: data) }
  }

  /// Rows of every workload, mode and wait, some with what makes text hard to write down.
  static let whole: SampleReport = {
    var sample = SampleReport()
    let names = ["pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp"]
    for (index, name) in names.enumerated() {
      let slow = Double(index + 1)
      for wait in ["block", "spin", "adaptive"] {
        sample.rows.append(
          Row(
            workload: "latency", mechanism: name, wait: wait, each: [4000 * slow, 4100 * slow],
            raw: [4000, 4050]))
      }
      for size in [64, 1024, 65536, 1 << 20] {
        sample.rows.append(
          Row(
            mechanism: name, size: size, each: [900 * slow, 800 * slow, 1 + Double(size)], raw: [9, 8, 7],
            copy: name == "memory" ? Double(size) / 10 : nil))
      }
      sample.rows.append(Row(mechanism: name, mode: "batched", each: [90 * slow]))
      sample.rows.append(Row(workload: "wake", mechanism: name, each: [50_000, 40_000]))
      sample.rows.append(
        Row(workload: "jobs", mechanism: name, wait: "adaptive", each: [20_000], warnings: ["noisy"]))
    }
    sample.rows.append(Row(mechanism: "memory", size: 1 << 20, mode: "in-place", each: [150, 160]))
    sample.rows.append(Row(workload: "fan-in", mechanism: "queue", processes: 3, each: [700]))
    sample.rows.append(Row(workload: "fan-out", mechanism: "queue", processes: 3, each: [700]))
    sample.rows.append(Row(workload: "latency", mechanism: "eventfd", size: 0, each: [3000], cacheLine: nil))
    return sample
  }()
}
