import Crawling
import IPC
import TestSupport
import Testing

/// Jobs and pages as bytes.
@Suite(.watched) struct CrawlMessagesTests {
  static let jobs = [
    CrawlJob(url: ""), CrawlJob(url: "http://host/"),
    CrawlJob(url: "http://höst/ü?\u{0}", depth: .max, hops: 3, authorization: "Basic YTpi"),
    CrawlJob(url: String(repeating: "x", count: 100_000), depth: 1, hops: .max),
  ]

  static let pages: [CrawlPage] = {
    var full = CrawlPage()
    full.status = 404
    full.bytes = .max
    full.isHTML = true
    full.isRedirect = true
    full.isCut = true
    full.title = "Títle & more"
    full.links = ["http://a/", "", "http://b/ü"]
    full.microseconds = -1
    full.failure = "why"
    var many = CrawlPage()
    many.links = (0..<20_000).map { "http://host/page/\($0)" }
    return [CrawlPage(), full, many]
  }()

  private func bytes(_ message: some Message) throws -> [UInt8] {
    var writer = MessageWriter()
    try message.encode(to: &writer)
    return writer.bytes
  }

  // The span must not be made in a macro's closure: the compiler can't follow its lifetime there.
  private func decoded<Value: Message>(_ type: Value.Type, _ bytes: [UInt8]) throws -> Value {
    try Value(decoding: bytes.span)
  }

  @Test(arguments: jobs) func jobsComeBack(_ job: CrawlJob) throws {
    #expect(try decoded(CrawlJob.self, try bytes(job)) == job)
  }

  @Test(arguments: pages.indices) func pagesComeBack(_ index: Int) throws {
    let page = Self.pages[index]
    #expect(try decoded(CrawlPage.self, try bytes(page)) == page)
  }

  @Test func everyPrefixOfAJobIsRefused() throws {
    for job in Self.jobs.prefix(3) {
      let whole = try bytes(job)
      for count in 0..<whole.count {
        #expect(throws: ChannelError.self) { try decoded(CrawlJob.self, Array(whole[..<count])) }
      }
    }
  }

  @Test func everyPrefixOfAPageIsRefused() throws {
    for page in Self.pages.prefix(2) {
      let whole = try bytes(page)
      for count in 0..<whole.count {
        #expect(throws: ChannelError.self) { try decoded(CrawlPage.self, Array(whole[..<count])) }
      }
    }
  }

  @Test func whatIsTooMuchIsRefused() throws {
    let job = try bytes(CrawlJob(url: "x")) + [0]
    #expect(throws: ChannelError.self) { try decoded(CrawlJob.self, job) }
    let page = try bytes(CrawlPage()) + [0]
    #expect(throws: ChannelError.self) { try decoded(CrawlPage.self, page) }
  }

  @Test func aClaimOfManyLinksTakesNoRoom() throws {
    // The number of links stands last in a page without any.
    let claim = try bytes(CrawlPage()).dropLast(4) + [255, 255, 255, 255]
    #expect(throws: ChannelError.self) { try decoded(CrawlPage.self, Array(claim)) }
  }
}
