import Crawling
import TestSupport
import Testing

@testable import IPCWorkers

/// What becomes a job, and what doesn't.
@Suite(.watched) struct FrontierTests {
  private func frontier(deepest: UInt32 = .max, limit: Int = .max, follows: Bool = true) -> Frontier {
    Frontier(sites: ["http://a"], deepest: deepest, limit: limit, followsLinks: follows)
  }

  private func outcome(_ job: CrawlJob, _ page: CrawlPage) -> JobOutcome<CrawlJob, CrawlPage> {
    outcome(job, .success(page))
  }

  private func outcome(
    _ job: CrawlJob, _ result: Result<CrawlPage, JobFailure>
  ) -> JobOutcome<CrawlJob, CrawlPage> {
    JobOutcome(
      job: job, result: result, worker: 1, attempts: 1, dispatchNanoseconds: 0, workNanoseconds: 0)
  }

  private func page(_ links: [String], redirect: Bool = false) -> CrawlPage {
    var page = CrawlPage()
    page.status = redirect ? 302 : 200
    page.isRedirect = redirect
    page.links = links
    return page
  }

  @Test func eachAddressIsIssuedOnce() throws {
    let frontier = frontier()
    let seeds = frontier.seed(["http://a/", "http://a/", "http://a/1"])
    #expect(seeds.map(\.url) == ["http://a/", "http://a/1"])
    let more = frontier.take(
      outcome(seeds[0], page(["http://a/1", "http://a/2", "http://a/2", "http://a/"])))
    #expect(more.map(\.url) == ["http://a/2"])
    #expect(frontier.take(outcome(seeds[1], page(["http://a/2"]))).isEmpty)
    #expect(frontier.progress.done == 2)
    #expect(frontier.progress.known == 3)
    #expect(frontier.pages.map(\.url) == ["http://a/", "http://a/1"])
  }

  @Test func depthIsCountedInLinks() throws {
    let frontier = frontier(deepest: 1)
    let seed = try #require(frontier.seed(["http://a/"]).first)
    let child = try #require(frontier.take(outcome(seed, page(["http://a/1"]))).first)
    #expect(seed.depth == 0)
    #expect(child.depth == 1)
    #expect(frontier.take(outcome(child, page(["http://a/2"]))).isEmpty)
    #expect(frontier.pages.map(\.depth) == [0, 1])
  }

  @Test func theLimitIsOfPagesIssued() throws {
    let frontier = frontier(limit: 3)
    let seed = try #require(frontier.seed(["http://a/"]).first)
    let more = frontier.take(outcome(seed, page((0..<10).map { "http://a/\($0)" })))
    #expect(more.count == 2)
    #expect(frontier.take(outcome(more[0], page(["http://a/late"]))).isEmpty)
    #expect(frontier.progress.known == 3)
    #expect(self.frontier(limit: 2).seed(["http://a/", "http://a/1", "http://a/2"]).count == 2)
  }

  @Test func otherSitesAreIgnored() throws {
    let frontier = frontier()
    let seed = try #require(frontier.seed(["http://a/"]).first)
    let links = [
      "http://b/", "https://a/", "http://a:81/", "http://a.b/", "http://ab/", "http://a/in", "http://a@b/",
    ]
    #expect(frontier.take(outcome(seed, page(links))).map(\.url) == ["http://a/in"])
  }

  @Test func aSiteEndsBeforeThePath() {
    #expect(Frontier.site("http://a:1/b/c?d") == "http://a:1")
    #expect(Frontier.site("http://a?b=/c") == "http://a")
    #expect(Frontier.site("http://a") == "http://a")
  }

  @Test func redirectsAreFollowedSoFar() throws {
    let frontier = frontier(deepest: 0)
    var job = try #require(frontier.seed(["http://a/"]).first)
    var hops = 0
    // Each to an address that is new: without a bound it would go on for ever.
    while hops < 100,
      let next = frontier.take(outcome(job, page(["http://a/\(hops)"], redirect: true))).first
    {
      job = next
      hops += 1
      #expect(job.depth == 0)
      #expect(job.hops == UInt32(hops))
    }
    #expect(hops == 10)
  }

  @Test func aPageBehindARedirectBeginsAnew() throws {
    let frontier = frontier()
    let seed = try #require(frontier.seed(["http://a/"]).first)
    let target = try #require(frontier.take(outcome(seed, page(["http://a/t"], redirect: true))).first)
    let link = try #require(frontier.take(outcome(target, page(["http://a/l"]))).first)
    #expect(link.hops == 0)
    #expect(link.depth == 1)
  }

  @Test func aRedirectToWhatWasSeenEnds() throws {
    let frontier = frontier()
    let seed = try #require(frontier.seed(["http://a/"]).first)
    #expect(frontier.take(outcome(seed, page(["http://a/"], redirect: true))).isEmpty)
  }

  @Test func failuresArePagesToo() throws {
    let frontier = frontier()
    let jobs = frontier.seed(["http://a/1", "http://a/2", "http://a/3", "http://a/4"])
    #expect(frontier.take(outcome(jobs[0], .failure(.failed("no luck")))).isEmpty)
    #expect(frontier.take(outcome(jobs[1], .failure(.killedItsWorkers(3)))).isEmpty)
    // What was called off was never a page.
    #expect(frontier.take(outcome(jobs[2], .failure(.cancelled))).isEmpty)
    var cut = page(["http://a/5"])
    cut.failure = "too long"
    #expect(frontier.take(outcome(jobs[3], cut)).isEmpty)
    let pages = frontier.pages
    #expect(pages.map(\.url) == ["http://a/1", "http://a/2", "http://a/4"])
    #expect(pages.map(\.hasFailed) == [true, true, true])
    #expect(pages[0].failure == "no luck")
  }

  @Test func knownPagesLeadNowhere() throws {
    let frontier = frontier(follows: false)
    let seed = try #require(frontier.seed(["http://a/"]).first)
    #expect(frontier.take(outcome(seed, page(["http://a/1"]))).isEmpty)
  }

  // MARK: What is left out

  @Test func addressesOverTheLimitAreCountedOnce() throws {
    let frontier = frontier(limit: 3)
    let seed = try #require(frontier.seed(["http://a/"]).first)
    let links = (0..<10).map { "http://a/\($0)" }
    let more = frontier.take(outcome(seed, page(links)))
    for job in more { _ = frontier.take(outcome(job, page(links + ["http://a/late", "http://other/"]))) }
    #expect(frontier.leftOut.pages == 9)
    #expect(frontier.pages.count == 3)
  }

  @Test func nothingIsLeftOutOfASiteThatFits() throws {
    let frontier = frontier(limit: 3)
    let seed = try #require(frontier.seed(["http://a/"]).first)
    for job in frontier.take(outcome(seed, page(["http://a/1", "http://a/2", "http://other/"]))) {
      _ = frontier.take(outcome(job, page(["http://a/"])))
    }
    #expect(frontier.leftOut.isEmpty && frontier.moves.isEmpty)
  }

  @Test func aPageThatIsReadInPartLeadsToOthersAndIsReported() throws {
    let frontier = frontier()
    let seed = try #require(frontier.seed(["http://a/"]).first)
    var part = page(["http://a/1"])
    part.isCut = true
    part.failure = "the body is over 16 MiB"
    part.linksLeftOut = 7
    #expect(frontier.take(outcome(seed, part)).map(\.url) == ["http://a/1"])
    let leftOut = frontier.leftOut
    #expect(leftOut.cutPages == 1 && leftOut.firstCut == "http://a/: the body is over 16 MiB")
    #expect(leftOut.links == 7 && leftOut.pagesOfLinks == 1)
    let record = try #require(frontier.pages.first)
    #expect(record.isCut && !record.hasFailed && record.linksLeftOut == 7)
  }

  @Test func theStartIsWhereTheFirstAddressLeads() throws {
    let frontier = frontier()
    let seed = try #require(frontier.seed(["http://a/"]).first)
    let moved = try #require(frontier.take(outcome(seed, page(["https://b/"], redirect: true))).first)
    #expect(moved.url == "https://b/" && moved.depth == 0)
    let more = frontier.take(outcome(moved, page(["https://b/1", "http://a/1", "http://c/"])))
    #expect(more.map(\.url) == ["https://b/1", "http://a/1"])
    #expect(frontier.moves == [Move(from: "http://a/", to: "https://b/")])
    // A page that isn't the first stays on its site.
    let job = try #require(more.first)
    #expect(frontier.take(outcome(job, page(["http://c/"], redirect: true))).isEmpty)
    #expect(frontier.moves.count == 1)
  }

  @Test func linksToTheNewSiteCountAlsoIfTheyCameBefore() throws {
    let frontier = Frontier(sites: ["http://a", "http://b"], deepest: .max, limit: .max, followsLinks: true)
    let seeds = frontier.seed(["http://a/", "http://b/"])
    #expect(frontier.take(outcome(seeds[0], page(["http://c/x"]))).isEmpty)
    let more = frontier.take(outcome(seeds[1], page(["http://c/"], redirect: true)))
    #expect(Set(more.map(\.url)) == ["http://c/", "http://c/x"])
    #expect(more.first { $0.url == "http://c/x" }?.depth == 1)
  }

  @Test func aChainOfRedirectsThatIsTooLongIsReported() throws {
    let frontier = frontier()
    var job = try #require(frontier.seed(["http://a/0"]).first)
    for hop in 1...Int(Frontier.mostHops) {
      job = try #require(frontier.take(outcome(job, page(["http://a/\(hop)"], redirect: true))).first)
    }
    #expect(frontier.leftOut.redirects == 0)
    #expect(frontier.take(outcome(job, page(["http://a/end"], redirect: true))).isEmpty)
    #expect(frontier.leftOut.redirects == 1)
  }
}
