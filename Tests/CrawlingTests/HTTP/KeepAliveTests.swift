import CrawlSupport
import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import Crawling

/// Connections that serve one page after the other.
@Suite(.serialized, .watched, .leavesNothing([.descriptors, .children])) struct KeepAliveTests {
  private static let many = 1000

  private func fetcher() -> JobFetcher { JobFetcher(PageClient(atOnce: 1)) }

  /// A server that answers every request of a connection.
  private func server(_ answer: @escaping @Sendable (_ target: String) -> [UInt8]) throws -> ByteServer {
    try ByteServer { _ in [ByteServer.Step](repeating: .answer(answer), count: Self.many) }
  }

  @Test(arguments: CrawlModels.all.map { $0.name }) func everyModelUsesConnectionsAgain(_ name: String) throws
  {
    let model = try #require(CrawlModels.all.first { $0.name == name })
    let server = try server(Answers.site(60))
    let crawl = try ModelCrawl(.of(server.url, workers: 4), in: model)
    let pages = try crawl.run().pages
    #expect(pages.count == 61)
    #expect(pages.allSatisfy { $0.failure == nil })
    for page in pages {
      guard let number = Int(page.url.dropFirst(server.url.count)) else { continue }
      #expect(page.status == [200, 200, 200, 200, 204, 304][number % 6])
      #expect(page.title == (number % 6 < 4 ? "\(number)" : ""), "\(page.url)")
    }
    #expect(server.requests.count == 61)
    #expect((1...min(4, model.most)).contains(server.connections), "\(server.connections)")
  }

  @Test func aWorkerUsesItsConnectionAgain() throws {
    let server = try server(Answers.site(1))
    let fetcher = fetcher()
    for number in 0..<30 {
      let page = fetcher.page(CrawlJob(url: "\(server.url)\(number)"))
      #expect(page.failure.isEmpty && page.status > 0)
    }
    #expect(server.connections == 1 && server.requests.count == 30)
  }

  @Test(arguments: ResponseCase.all.indices) func onlyWhatMayBeKeptIs(_ index: Int) throws {
    let expected = ResponseCase.all[index]
    let server = try ByteServer { connection in
      if connection > 0 { return [.answer { _ in Answers.counted("next") }] }
      let first: [ByteServer.Step] = [.request, .send(expected.bytes)]
      return expected.closes ? first : first + [.answer { _ in Answers.counted("next") }]
    }
    let fetcher = fetcher()
    _ = fetcher.page(CrawlJob(url: server.url))
    let next = fetcher.page(CrawlJob(url: server.url))
    #expect(next.failure.isEmpty && next.bytes == 4, "\(expected.name): \(next.failure)")
    #expect(server.connections == (expected.keeps ? 1 : 2), "\(expected.name)")
  }

  /// Otherwise a server with Nagle's algorithm holds the rest back for 40 ms.
  @Test func theBeginningOfAnAnswerIsAcknowledged() throws {
    let answer = ByteServer.Step.answer { _ in Answers.counted("hello") }
    let begun = Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".utf8)
    let server = try ByteServer { _ in
      [ByteServer.Step](repeating: answer, count: 20) + [.answer { _ in begun }, .awaitClose]
    }
    let client = PageClient(atOnce: 1)
    for _ in 0..<20 { #expect(BlockingFetch(client).page(CrawlJob(url: server.url)).failure.isEmpty) }
    let exchange = PageExchange(CrawlJob(url: server.url), client)
    var acknowledges = [quickAck(exchange)]
    while exchange.answer.status == 0, !exchange.advance() {
      acknowledges.append(quickAck(exchange))
      guard exchange.answer.status == 0 else { break }
      #expect(try ppoll(exchange.descriptor, read: true, nanoseconds: nil))
    }
    #expect(exchange.answer.status == 200 && server.connections == 1)
    // The option is off on a connection on which requests and answers alternate.
    #expect(acknowledges.dropLast().last == 0 && acknowledges.last == 1)
  }

  /// TCP_QUICKACK of an exchange's connection; nil if it has none.
  private func quickAck(_ exchange: PageExchange) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    let result = unsafe getsockopt(exchange.descriptor, Int32(IPPROTO_TCP), TCP_QUICKACK, &value, &length)
    return result == 0 ? value : nil
  }

  // MARK: Servers that close a kept connection

  @Test func aConnectionThatTheServerHasClosedIsNotUsed() throws {
    let server = try ByteServer { _ in [.answer { _ in Answers.counted("hello") }] }
    let fetcher = fetcher()
    for _ in 0..<20 { #expect(fetcher.page(CrawlJob(url: server.url)).failure.isEmpty) }
    #expect(server.connections == 20)
    // A request that met the end is sent again.
    #expect(server.requests.count == 20)
  }

  /// The steps with which the first connection takes a second request without an answer.
  private static let closings: [[ByteServer.Step]] = [[.request], [.request, .reset]]

  @Test(arguments: closings.indices) func aRequestWithoutAnswerIsSentAgainOnce(_ index: Int) throws {
    let answer = ByteServer.Step.answer { _ in Answers.counted("hello") }
    let server = try ByteServer { connection in [answer] + (connection == 0 ? Self.closings[index] : [answer])
    }
    let fetcher = fetcher()
    for _ in 0..<3 {
      let page = fetcher.page(CrawlJob(url: server.url))
      #expect(page.failure.isEmpty && page.bytes == 5)
    }
    #expect(server.connections == 2 && server.requests.count == 4)
  }

  @Test(arguments: closings.indices) func aNewConnectionIsNotTriedAgain(_ index: Int) throws {
    let answer = ByteServer.Step.answer { _ in Answers.counted("hello") }
    let server = try ByteServer { connection in (connection == 0 ? [answer] : []) + Self.closings[index] }
    let fetcher = fetcher()
    #expect(fetcher.page(CrawlJob(url: server.url)).failure.isEmpty)
    #expect(fetcher.page(CrawlJob(url: server.url)).failure == PageFailure.cutOff.description)
    #expect(server.connections == 2)
    #expect(fetcher.page(CrawlJob(url: server.url)).failure == PageFailure.cutOff.description)
    #expect(server.connections == 3)
  }

  @Test func anAnswerThatHasBegunIsNotAskedForAgain() throws {
    let server = try ByteServer { _ in
      [.answer { _ in Answers.counted("hello") }, .answer { _ in Array("HTTP/1.1 200".utf8) }]
    }
    let fetcher = fetcher()
    #expect(fetcher.page(CrawlJob(url: server.url)).failure.isEmpty)
    #expect(fetcher.page(CrawlJob(url: server.url)).failure == PageFailure.cutOff.description)
    #expect(server.connections == 1)
  }

  // MARK: The connections

  private func open(_ url: String) throws -> PageConnection {
    let connection = try PageConnection(PageAddress(CrawlJob(url: url), ServerAddresses()))
    #expect(try ppoll(connection.descriptor, write: true, nanoseconds: nil))
    try connection.checkConnected()
    return connection
  }

  @Test func whatAsksForNothingIsNotUsedAgain() throws {
    let silent = try ByteServer { _ in [.awaitClose] }
    let talkative = try ByteServer { _ in
      [.send(Array("HTTP/1.1 408 Request Timeout\r\n\r\n".utf8)), .awaitClose]
    }
    let closing = try ByteServer { _ in [] }
    let connections = PageConnections(most: 3)
    for server in [silent, talkative, closing] {
      let connection = try open(server.url)
      if server !== silent { #expect(try ppoll(connection.descriptor, read: true, nanoseconds: nil)) }
      connections.keep(connection)
    }
    #expect(connections.count == 3)
    for (server, isUsed) in [(talkative, false), (closing, false), (silent, true)] {
      let host = String(server.url.dropFirst("http://".count).dropLast())
      #expect((connections.take(host) != nil) == isUsed)
    }
    #expect(connections.count == 0)
  }

  @Test func theNumberOfConnectionsIsBounded() throws {
    let servers = try (0..<3).map { _ in try ByteServer { _ in [.awaitClose] } }
    let connections = PageConnections(most: 2)
    for server in servers { connections.keep(try open(server.url)) }
    #expect(connections.count == 2)
    let hosts = servers.map { String($0.url.dropFirst("http://".count).dropLast()) }
    // That which waited longest was closed.
    #expect(connections.take(hosts[0]) == nil)
    #expect(connections.take(hosts[2]) != nil && connections.take(hosts[1]) != nil)
  }

  @Test func nothingIsKeptAfterTheEnd() throws {
    let server = try ByteServer { _ in [.awaitClose] }
    let connections = PageConnections(most: 2)
    connections.keep(try open(server.url))
    connections.close()
    #expect(connections.count == 0)
    connections.keep(try open(server.url))
    #expect(connections.count == 0)
  }

  @Test func hostsAreNotConfused() throws {
    let one = try server { _ in Answers.counted("one") }
    let other = try server { _ in Answers.counted("the other") }
    let fetch = BlockingFetch(PageClient(atOnce: 2))
    for _ in 0..<5 {
      #expect(fetch.page(CrawlJob(url: one.url)).bytes == 3)
      #expect(fetch.page(CrawlJob(url: other.url)).bytes == 9)
    }
    #expect(one.connections == 1 && other.connections == 1)
  }
}
