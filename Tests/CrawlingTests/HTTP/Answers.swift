import CrawlSupport

@testable import Crawling

/// Responses that leave the connection in the same state in different ways.
enum Answers {
  static func counted(_ body: String) -> [UInt8] {
    Array(
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
  }

  static func chunked(_ body: String) -> [UInt8] {
    let chunks = body.map { "1;x=\"y\"\r\n\($0)\r\n" }.joined()
    return Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\nX: y\r\n\r\n".utf8)
  }

  static func gzip(_ body: String) -> [UInt8] {
    let bytes = Compressed.gzip(body)
    return Array("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bytes.count)\r\n\r\n".utf8)
      + bytes
  }

  static func early(_ body: String) -> [UInt8] {
    Array("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n".utf8) + counted(body)
  }

  static let noContent = Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)
  static let notModified = Array("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".utf8)

  /// A site of pages: `/` links to the others, each of which answers in another way.
  static func site(_ pages: Int) -> @Sendable (_ target: String) -> [UInt8] {
    { target in
      guard let page = Int(target.dropFirst()) else {
        return counted((0..<pages).map { "<a href='/\($0)'>\($0)</a>" }.joined())
      }
      let body = "<title>\(page)</title>"
      switch page % 6 {
      case 0: return counted(body)
      case 1: return chunked(body)
      case 2: return gzip(body)
      case 3: return early(body)
      case 4: return noContent
      default: return notModified
      }
    }
  }
}

extension CrawlPlan {
  /// A crawl of a real site, in one process.
  static func of(_ url: String, workers: Int = 1) -> CrawlPlan {
    var plan = CrawlPlan(
      work: .web, workers: workers, pages: 0, delayMilliseconds: 0, seed: 1, workerArguments: [],
      actorArguments: [])
    plan.seeds = [url]
    return plan
  }
}
