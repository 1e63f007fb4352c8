import Benchmarking
import Foundation

/// The output of `ipc crawl --json`, made up by tests.
struct SampleCrawl {
  struct Run {
    var model = "processes"
    var mechanism: String?
    var window: String? = "1"
    /// Microseconds per page, one per repeat.
    var each: [Double]
    /// Work, library, system calls, run queue, asleep, wake-ups.
    var parts: [Double]?
  }

  var kind = "site"
  var runs: [Run]

  static let noise = [1.01, 0.99, 1.02, 0.98, 1.005, 0.995, 1.015, 0.985, 1.0, 1.001]

  /// Each mechanism's cost in turn, with both windows.
  init(_ costs: [(String, Double)], parts: [Double]? = nil) {
    runs = ["1", "auto"].flatMap { window in
      costs.map { name, cost in
        Run(mechanism: name, window: window, each: Self.noise.map { $0 * cost }, parts: parts)
      }
    }
  }

  static let parted = SampleCrawl(
    [("pipe", 60), ("memory", 70), ("unix", 90)], parts: [200, 10, 30, 20, 900, 4])

  /// Models and mechanisms whose names leave little room.
  static let longNames: SampleCrawl = {
    var sample = parted
    sample.runs.append(Run(model: "futures and tasks", window: nil, each: noise.map { $0 * 12.3 }))
    sample.runs.append(
      Run(model: "distributed actors", mechanism: "posix-semaphore", each: noise.map { $0 * 123.4 }))
    for row in sample.runs.indices where sample.runs[row].mechanism == "unix" {
      sample.runs[row].mechanism = "posix-semaphore"
    }
    return sample
  }()

  var data: Data {
    get throws {
      let runs = runs.map { run -> [String: Any] in
        let sorted = run.each.sorted()
        var json: [String: Any] = [
          "model": run.model, "pages": 1000, "repeats": run.each.count, "processes": 5, "wall_s": 0.25,
          "cost_us_per_page": [
            "median": sorted[sorted.count / 2], "low": sorted.first ?? 0, "high": sorted.last ?? 0,
          ],
          "each_us_per_page": run.each, "cpu_user_s": 0.2, "cpu_system_s": 0.1, "switches_voluntary": 3000,
          "switches_involuntary": 10,
        ]
        json["mechanism"] = run.mechanism
        json["window"] = run.window.map { text -> Any in Int(text) ?? text }
        if let parts = run.parts {
          let keys = ["work_us", "library_us", "system_us", "runqueue_us", "waiting_us", "wakeups"]
          json.merge(zip(keys, parts).map { ($0, $1) }) { $1 }
          json["pss_kb"] = 20_000
        }
        return json
      }
      let machine: [String: Any] = [
        "cpu": "Sample <CPU>", "cpus": 2, "kernel": "6.1", "memory_kb": 1_000_000, "virtual": true,
        "governor": "not told", "clock_source": "tsc", "mitigations": [:] as [String: String],
        "limits": ["PIPE_BUF": 4096],
      ]
      return try JSONSerialization.data(withJSONObject: [
        "workload": ["kind": kind, "pages": 1000, "delay_ms": 0, "workers": 4, "seed": 1] as [String: Any],
        "machine": machine, "runs": runs, "ranking": [[]] as [[String]], "same_pages": true,
        "interrupted": false,
      ])
    }
  }

  var figures: CrawlFigures { get throws { try CrawlFigures(json: data) } }
}
