import Foundation
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
    let wall_s: Double
    let pages_per_s: Double
    let coordination_us_per_page: Double
    let cpu_user_s: Double
    let cpu_system_s: Double
    let switches_voluntary: Int
    let switches_involuntary: Int
    let dispatch_us: Dispatch
    let channel_bytes: Int
    let peak_rss_kb: Int
  }

  let workload: Workload
  let machine: Machine
  let runs: [Run]
  let same_pages: Bool

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

/// The mechanisms that a crawl compares, in the order of its table.
let sevenMechanisms = ["pipe", "fifo", "queue", "semaphore", "memory", "unix", "tcp"]
