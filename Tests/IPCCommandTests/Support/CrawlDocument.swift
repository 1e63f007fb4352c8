import Foundation
import IPC
import Testing

/// What `ipc crawl --json` prints. A key that is missing or of another type fails the decoding.
struct CrawlDocument: Decodable {
  struct Workload: Decodable {
    let kind: String
    let pages: Int
    let workers: Int
  }

  struct Machine: Decodable {
    let cpus: Int
    let kernel: String
  }

  struct Dispatch: Decodable {
    let p50: Double
    let p99: Double
    let max: Double
  }

  struct Run: Decodable {
    let mechanism: String
    let workers: Int
    let pages: Int
    let failed: Int
    let requeued: Int
    let wallS: Double
    let pagesPerS: Double
    let window: Window?
    let repeats: Int
    let cost: Estimate
    let each: [Double]
    let cpuUserS: Double
    let cpuSystemS: Double
    let switchesVoluntary: Int
    let switchesInvoluntary: Int
    let dispatchUs: Dispatch
    let channelBytes: Int
    let peakRssKb: Int
    let pssKb: Int
    let processes: Int
    let workUs: Double?
    let libraryUs: Double?
    let systemUs: Double?
    let runqueueUs: Double?
    let waitingUs: Double?
    let wakeups: Double?

    /// In microseconds, all of them; nil where one is missing.
    var parts: [Double]? {
      let list = [workUs, libraryUs, systemUs, runqueueUs, waitingUs].compactMap { $0 }
      return list.count == 5 && wakeups != nil ? list : nil
    }

    enum CodingKeys: String, CodingKey {
      case mechanism, workers, pages, failed, requeued
      case wallS = "wall_s"
      case pagesPerS = "pages_per_s"
      case window, repeats
      case cost = "cost_us_per_page"
      case each = "each_us_per_page"
      case cpuUserS = "cpu_user_s"
      case cpuSystemS = "cpu_system_s"
      case switchesVoluntary = "switches_voluntary"
      case switchesInvoluntary = "switches_involuntary"
      case dispatchUs = "dispatch_us"
      case channelBytes = "channel_bytes"
      case peakRssKb = "peak_rss_kb"
      case pssKb = "pss_kb"
      case processes, wakeups
      case workUs = "work_us"
      case libraryUs = "library_us"
      case systemUs = "system_us"
      case runqueueUs = "runqueue_us"
      case waitingUs = "waiting_us"
    }
  }

  let workload: Workload
  let machine: Machine
  let runs: [Run]
  let samePages: Bool?
  let ranking: [[String]]
  let interrupted: Bool
  let inOneProcess: [InOneProcess]
  let cacheLineNs: Estimate?

  /// The same crawl in one process.
  struct InOneProcess: Decodable {
    let model: String
    let mechanism: String?
    let pages: Int
    let processes: Int
    let cost: Estimate

    enum CodingKeys: String, CodingKey {
      case model, mechanism, pages, processes
      case cost = "cost_us_per_page"
    }
  }

  enum CodingKeys: String, CodingKey {
    case workload, machine, runs, ranking, interrupted
    case samePages = "same_pages"
    case inOneProcess = "in_one_process"
    case cacheLineNs = "cache_line_ns"
  }

  /// A number of jobs, or `auto`.
  enum Window: Decodable, Equatable {
    case jobs(Int), auto

    init(from decoder: any Decoder) throws {
      let box = try decoder.singleValueContainer()
      if let count = try? box.decode(Int.self) {
        self = .jobs(count)
      } else {
        guard try box.decode(String.self) == "auto" else {
          throw DecodingError.dataCorruptedError(in: box, debugDescription: "neither a number nor auto")
        }
        self = .auto
      }
    }
  }

  struct Estimate: Decodable {
    let median: Double
    let low: Double
    let high: Double
  }

  /// The whole of standard output must be the document.
  init(_ output: String) throws {
    self = try JSONDecoder().decode(CrawlDocument.self, from: Data(output.utf8))
  }
}

/// One line of `--output FILE`.
struct OutputPage: Decodable {
  let url: String
  let status: Int
  let bytes: Int
  let depth: Int
  let title: String
  let links: [String]
  let milliseconds: Double
  let worker: Int
  let failure: String?

  static func read(_ text: String) throws -> [OutputPage] {
    try text.split(separator: "\n").map { try JSONDecoder().decode(OutputPage.self, from: Data($0.utf8)) }
  }
}

/// The names of the main mechanisms, in the order of reports.
let mainMechanisms = Mechanism.all.map(\.name)
