import ConcurrencyModels
import CrawlSupport
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import Crawling

/// Pages of servers that send what they like: in blocking calls, as worker processes fetch them, and on an event loop.
@Suite(.serialized, .watched, .leavesNothing([.descriptors, .children])) struct PageExchangeTests {
  enum Way: CaseIterable, Sendable { case worker, async }

  private static let second: UInt64 = 1_000_000_000

  /// Fetches a page.
  private func page(_ url: String, _ way: Way, timeout: UInt64 = 60 * second) throws -> CrawlPage {
    let job = CrawlJob(url: url)
    switch way {
    case .worker: return JobFetcher(PageClient(atOnce: 1, timeout: timeout)).page(job)
    case .async:
      let work = try CrawlWork(.of(url), pageTimeout: timeout)
      let loop = try EventLoop()
      return try loop.run { await AsyncModel.fetch(job, work, loop) }
    }
  }

  @Test(arguments: Way.allCases) func everyCaseIsReadFromAConnection(_ way: Way) throws {
    for expected in ResponseCase.all {
      Watchdog.at(expected.name)
      // In two pieces; a connection that isn't closed must not be waited for.
      let half = expected.bytes.count / 2
      let server = try ByteServer { _ in
        [.request, .send(Array(expected.bytes[..<half])), .send(Array(expected.bytes[half...]))]
          + (expected.closes ? [] : [.awaitClose])
      }
      let page = try page(server.url, way)
      #expect(page.status == Int32(expected.status), "\(expected.name)")
      #expect(page.bytes == Int64(expected.content.count), "\(expected.name)")
      #expect(page.isCut == expected.isCut, "\(expected.name)")
      if let failure = expected.failure {
        #expect(page.failure.contains(failure), "\(expected.name): \(page.failure)")
      } else {
        #expect(page.failure.isEmpty, "\(expected.name): \(page.failure)")
      }
      #expect(server.connections == 1)
    }
  }

  @Test(arguments: Way.allCases) func theRequestIsHTTP11(_ way: Way) throws {
    let server = try ByteServer { _ in
      [.answer { _ in Answers.counted("<title>Hello</title>") }, .awaitClose]
    }
    let page = try page(server.url + "a?b=c", way)
    #expect(page.title == "Hello" && page.failure.isEmpty)
    let lines = try #require(server.requests.first).split(separator: "\r\n", omittingEmptySubsequences: false)
    #expect(lines.first == "GET /a?b=c HTTP/1.1")
    #expect(lines.contains("Host: \(server.url.dropFirst("http://".count).dropLast())"))
    #expect(lines.contains("Accept-Encoding: gzip, deflate"))
    #expect(lines.suffix(2) == ["", ""] && lines.count { $0.isEmpty } == 2)
  }

  private static let links = "<title>Begun</title><a href='/1'>1</a><a href='/2'>2</a><p>"
  private static let begun = Array("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n\(links)".utf8)

  @Test(arguments: Way.allCases) func whatArrivedBeforeAResetIsRead(_ way: Way) throws {
    let server = try ByteServer { _ in [.request, .send(Self.begun), .reset] }
    let page = try page(server.url, way)
    #expect(page.failure == PageFailure.cutOff.description && page.isCut && page.status == 200)
    #expect(page.links == [server.url + "1", server.url + "2"])
  }

  @Test(arguments: Way.allCases) func whatArrivedBeforeTheEndIsRead(_ way: Way) throws {
    let server = try ByteServer { _ in [.request, .send(Self.begun)] }
    let page = try page(server.url, way)
    #expect(page.failure == PageFailure.cutOff.description && page.isCut && page.status == 200)
    #expect(page.title == "Begun" && page.links == [server.url + "1", server.url + "2"])
    #expect(page.bytes == Int64(Self.links.utf8.count))
  }

  @Test(arguments: Way.allCases) func aServerThatStallsIsGivenUp(_ way: Way) throws {
    let server = try ByteServer { _ in [.request, .send(Self.begun), .awaitClose] }
    let page = try page(server.url, way, timeout: 2 * Self.second)
    #expect(page.failure == PageFailure.tooLate.description && page.isCut && page.status == 200)
    #expect(page.links == [server.url + "1", server.url + "2"])
  }

  @Test(arguments: Way.allCases) func aServerThatNeverAnswersIsGivenUp(_ way: Way) throws {
    let server = try ByteServer { _ in [.request, .awaitClose] }
    let page = try page(server.url, way, timeout: 2 * Self.second)
    #expect(page.failure == PageFailure.tooLate.description && !page.isCut && page.status == 0)
  }

  @Test("a byte now and then doesn't extend the time of a page", arguments: Way.allCases)
  func slowBytes(_ way: Way) throws {
    let server = try ByteServer { _ in
      [.request, .send(Self.begun), .drip([UInt8](repeating: 65, count: 10_000), milliseconds: 20)]
    }
    let page = try page(server.url, way, timeout: 2 * Self.second)
    #expect(page.failure == PageFailure.tooLate.description && page.isCut)
    #expect(page.bytes < 10_000)
  }

  @Test(arguments: Way.allCases) func aBodyWithoutEndIsCut(_ way: Way) throws {
    let piece = [UInt8](repeating: 65, count: 1 << 16)
    let server = try ByteServer { _ in
      [.request, .send(Array("HTTP/1.1 200 OK\r\n\r\n\(Self.links)".utf8)), .flood(piece)]
    }
    let page = try page(server.url, way)
    #expect(page.failure == PageFailure.bodyTooLarge.description && page.isCut && page.bytes == 16 << 20)
    #expect(page.links == [server.url + "1", server.url + "2"])
  }

  @Test(arguments: Way.allCases) func headersWithoutEndAreRefused(_ way: Way) throws {
    let fields = Array(String(repeating: "X-Filler: and on and on\r\n", count: 1000).utf8)
    let server = try ByteServer { _ in [.request, .send(Array("HTTP/1.1 200 OK\r\n".utf8)), .flood(fields)] }
    let page = try page(server.url, way)
    #expect(page.failure == PageFailure.headersTooLarge.description && !page.isCut && page.status == 0)
  }

  @Test(arguments: Way.allCases) func interimResponsesWithoutEndAreRefused(_ way: Way) throws {
    let server = try ByteServer { _ in [.request, .flood(Array("HTTP/1.1 103 Early Hints\r\n\r\n".utf8))] }
    let page = try page(server.url, way)
    #expect(page.failure == PageFailure.tooManyInterim.description && page.status == 0)
  }

  @Test(arguments: Way.allCases) func aBombIsCut(_ way: Way) throws {
    let bomb = Compressed.gzip(Array(Self.links.utf8) + [UInt8](repeating: 65, count: 20 << 20))
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bomb.count)\r\n\r\n"
    let server = try ByteServer { _ in [.request, .send(Array(head.utf8) + bomb), .awaitClose] }
    let page = try page(server.url, way)
    #expect(page.failure == PageFailure.bodyTooLarge.description && page.isCut && page.bytes == 16 << 20)
    #expect(page.links == [server.url + "1", server.url + "2"])
  }

  @Test(arguments: Way.allCases) func anAnswerBeforeTheRequestIsRead(_ way: Way) throws {
    // The server closes without having read the request, which resets the connection.
    let server = try ByteServer { _ in [.send(Answers.counted(Self.links))] }
    let page = try page(server.url, way)
    #expect(page.failure.isEmpty && page.links.count == 2)
  }

  @Test func aCrawlThatIsCancelledEndsTheWait() throws {
    let work = try CrawlWork(.of("http://127.0.0.1:1/"))
    let server = try ByteServer { _ in
      [
        .answer { _ in
          work.cancel()
          return []
        }, .awaitClose,
      ]
    }
    #expect(work.blockingFetch.page(CrawlJob(url: server.url)).failure == PageFailure.cancelled.description)
  }
}
