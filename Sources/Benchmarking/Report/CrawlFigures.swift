import Foundation

/// The figures of a crawl in the report, from the output of `ipc crawl --json`.
package struct CrawlFigures: Decodable, Sendable {
  struct Workload: Decodable, Sendable {
    let kind: String
    let pages: Int
    let workers: Int
  }

  struct Run: Decodable, Sendable {
    let model: String?
    let mechanism: String?
    let pages: Int
    let wallSeconds: Double
    let coordinationMicroseconds: Double

    enum CodingKeys: String, CodingKey {
      case model, mechanism, pages
      case wallSeconds = "wall_s"
      case coordinationMicroseconds = "coordination_us_per_page"
    }

    /// The mechanism between the processes, or the model of a crawl in one process.
    var label: String { mechanism ?? model ?? "?" }
  }

  let workload: Workload
  let runs: [Run]

  package static func read(_ path: String) throws(BenchmarkError) -> CrawlFigures {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw BenchmarkError(.call, "\(path) can't be read: name a file that ipc crawl --json wrote")
    }
    do {
      return try JSONDecoder().decode(CrawlFigures.self, from: data)
    } catch {
      throw BenchmarkError(
        .call, "\(path) isn't a report of ipc crawl: name a file that ipc crawl --json wrote")
    }
  }
}
