package import FoundationEssentials
import Measurement

/// The figures of a crawl in the report, from the output of `ipc crawl --json`.
package struct CrawlFigures: Decodable, Sendable {
  struct Workload: Decodable, Sendable {
    let kind: String
    let pages: Int
    let delayMilliseconds: Int?
    let workers: Int
    let seed: UInt64?

    enum CodingKeys: String, CodingKey {
      case kind, pages
      case delayMilliseconds = "delay_ms"
      case workers, seed
    }

    /// What one piece of the work is called.
    var unit: String { kind == "nothing" ? "job" : "page" }
  }

  /// How many jobs a worker holds: a number, or `auto`.
  struct Window: Decodable, Sendable, Hashable {
    let text: String

    init(from decoder: any Decoder) throws {
      let box = try decoder.singleValueContainer()
      text = try (try? box.decode(Int.self)).map(String.init) ?? box.decode(String.self)
    }
  }

  /// What a page's time is made of, in microseconds per page, summed over all processes.
  struct Parts: Sendable {
    let work: Double
    let library: Double
    let system: Double
    let runQueue: Double
    let waiting: Double
    /// How often a process woke up, per page.
    let wakeUps: Double

    /// Without the time in which processes sleep.
    var busy: Double { library + system + runQueue + work }
  }

  struct Run: Decodable, Sendable {
    let model: String?
    let mechanism: String?
    let window: Window?
    let pages: Int
    let repeats: Int?
    let processes: Int?
    let wallSeconds: Double
    let cost: Estimate
    let cpuUserSeconds: Double?
    let cpuSystemSeconds: Double?
    let voluntarySwitches: Int?
    let involuntarySwitches: Int?
    /// The proportional set size: memory that processes share is counted once.
    let memoryKilobytes: Int?
    /// Nil where the tool that measured it didn't part the time, and for a model within one process.
    let parts: Parts?
    /// The cost of each repeat.
    let costs: [Double]

    enum CodingKeys: String, CodingKey {
      case model, mechanism, window, pages, repeats, processes
      case wallSeconds = "wall_s"
      case cost = "cost_us_per_page"
      case costs = "each_us_per_page"
      case cpuUserSeconds = "cpu_user_s"
      case cpuSystemSeconds = "cpu_system_s"
      case voluntarySwitches = "switches_voluntary"
      case involuntarySwitches = "switches_involuntary"
      case work = "work_us"
      case library = "library_us"
      case system = "system_us"
      case runQueue = "runqueue_us"
      case waiting = "waiting_us"
      case wakeUps = "wakeups"
      case memoryKilobytes = "pss_kb"
    }

    init(from decoder: any Decoder) throws {
      let box = try decoder.container(keyedBy: CodingKeys.self)
      func number(_ key: CodingKeys) throws -> Double? { try box.decodeIfPresent(Double.self, forKey: key) }
      model = try box.decodeIfPresent(String.self, forKey: .model)
      mechanism = try box.decodeIfPresent(String.self, forKey: .mechanism)
      window = try box.decodeIfPresent(Window.self, forKey: .window)
      pages = try box.decode(Int.self, forKey: .pages)
      repeats = try box.decodeIfPresent(Int.self, forKey: .repeats)
      processes = try box.decodeIfPresent(Int.self, forKey: .processes)
      wallSeconds = try box.decode(Double.self, forKey: .wallSeconds)
      cost = try box.decode(Estimate.self, forKey: .cost)
      let costs = try box.decodeIfPresent([Double].self, forKey: .costs) ?? []
      self.costs = costs.isEmpty ? [cost.median] : costs
      cpuUserSeconds = try number(.cpuUserSeconds)
      cpuSystemSeconds = try number(.cpuSystemSeconds)
      voluntarySwitches = try box.decodeIfPresent(Int.self, forKey: .voluntarySwitches)
      involuntarySwitches = try box.decodeIfPresent(Int.self, forKey: .involuntarySwitches)
      memoryKilobytes = try number(.memoryKilobytes).map { Int($0) }
      if let library = try number(.library), let system = try number(.system),
        let runQueue = try number(.runQueue)
      {
        parts = Parts(
          work: try number(.work) ?? 0, library: library, system: system, runQueue: runQueue,
          waiting: try number(.waiting) ?? 0, wakeUps: try number(.wakeUps) ?? 0)
      } else {
        parts = nil
      }
    }

    /// The mechanism between the processes, or the model of a crawl in one process.
    var label: String { mechanism ?? model ?? "?" }
    var cpuSeconds: Double? { cpuUserSeconds.flatMap { user in cpuSystemSeconds.map { user + $0 } } }
    var switches: Int? { voluntarySwitches.flatMap { some in involuntarySwitches.map { some + $0 } } }
  }

  let workload: Workload
  let machine: MachineDescription?
  let runs: [Run]
  /// The same crawl in one process, which was measured beside them.
  let inOneProcess: [Run]?
  /// A round trip of a cache line between two CPUs, over the time of the crawls, in nanoseconds.
  let cacheLine: Estimate?
  /// Whether every crawl found the same pages, each once; nil where a limit or Ctrl-C left some out.
  let samePages: Bool?
  let isInterrupted: Bool?

  enum CodingKeys: String, CodingKey {
    case workload, machine, runs
    case inOneProcess = "in_one_process"
    case cacheLine = "cache_line_ns"
    case samePages = "same_pages"
    case isInterrupted = "interrupted"
  }

  /// Reads the output of `ipc crawl --json`.
  ///
  /// - Throws: `BenchmarkError` where it is something else.
  package init(json: Data) throws(BenchmarkError) {
    guard let figures = try? JSONDecoder().decode(CrawlFigures.self, from: json), !figures.runs.isEmpty else {
      throw BenchmarkError(.call, "not a report of ipc crawl: pass what ipc crawl --json wrote")
    }
    self = figures
  }

  package static func read(_ path: String) throws(BenchmarkError) -> CrawlFigures {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw BenchmarkError(.call, "\(path) can't be read: name a file that ipc crawl --json wrote")
    }
    guard let figures = try? CrawlFigures(json: data) else {
      throw BenchmarkError(
        .call, "\(path) isn't a report of ipc crawl: name a file that ipc crawl --json wrote")
    }
    return figures
  }
}
