import Crawling
import Foundation

/// What `ipc crawl --model … --json` prints, of crawls with and without processes.
struct ModelDocument: Decodable {
  struct Run: Decodable {
    let model: String
    let mechanism: String?
    let workers: Int
    let pages: Int
    let failed: Int
    let wall: Double
    let userSeconds: Double
    let switches: Int
    let threads: Int
    let processes: Int
    let channelBytes: Int?
    let peakKilobytes: Int
    let grownKilobytes: Int

    enum CodingKeys: String, CodingKey {
      case model, mechanism, workers, pages, failed, threads, processes
      case wall = "wall_s"
      case userSeconds = "cpu_user_s"
      case switches = "switches_voluntary"
      case channelBytes = "channel_bytes"
      case peakKilobytes = "peak_rss_kb"
      case grownKilobytes = "grown_rss_kb"
    }
  }

  let runs: [Run]
  let samePages: Bool?
  let ranking: [[String]]

  enum CodingKeys: String, CodingKey {
    case runs, ranking
    case samePages = "same_pages"
  }

  init(_ text: String) throws { self = try JSONDecoder().decode(ModelDocument.self, from: Data(text.utf8)) }
}

/// The names of the models that run in one process, in the order of reports.
let modelsOfOneProcess = CrawlModels.all.map { $0.name }
