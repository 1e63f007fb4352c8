import Foundation
import Measurement

/// The figures of a crawl in the report, from the output of `ipc crawl --json`.
package struct CrawlFigures: Decodable, Sendable {
  struct Workload: Decodable, Sendable {
    let kind: String
    let pages: Int
    let workers: Int
  }

  /// How many jobs a worker holds: a number, or `auto`.
  struct Window: Decodable, Sendable, Hashable {
    let text: String

    init(from decoder: any Decoder) throws {
      let box = try decoder.singleValueContainer()
      text = try (try? box.decode(Int.self)).map(String.init) ?? box.decode(String.self)
    }
  }

  struct Run: Decodable, Sendable {
    let model: String?
    let mechanism: String?
    let window: Window?
    let pages: Int
    let wallSeconds: Double
    let cost: Estimate
    var coordinationMicroseconds: Double { cost.median }

    enum CodingKeys: String, CodingKey {
      case model, mechanism, window, pages
      case wallSeconds = "wall_s"
      case cost = "cost_us_per_page"
    }

    /// The mechanism between the processes, or the model of a crawl in one process.
    var label: String { mechanism ?? model ?? "?" }
  }

  let workload: Workload
  let runs: [Run]
  /// Groups of names from the cheapest on, each tied.
  let ranking: [[String]]

  /// What the run is called in a drawing: with its window, where there are several.
  func name(_ run: Run) -> String {
    guard let window = run.window, Set(runs.compactMap(\.window)).count > 1 else { return run.label }
    return "\(run.label), \(window.text)"
  }

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
