import Crawling
import TestSupport
import Testing

/// Credentials of the first address: for which pages they are used.
@Suite(.watched) struct CrawlCredentialsTests {
  private func plan(_ seeds: String...) throws -> CrawlPlan {
    var plan = CrawlPlan(
      work: .web, workers: 1, pages: 1, delayMilliseconds: 0, seed: 1, workerArguments: [], actorArguments: []
    )
    for seed in seeds { plan.add(seed: try #require(PageURL(seed))) }
    return plan
  }

  @Test func theyAreNoPartOfAnAddress() throws {
    let plan = try plan("http://user:secret@a/x")
    #expect(plan.seeds == ["http://a/x"])
    let job = try #require(Frontier(plan).seed(plan.seeds).first)
    #expect(job.url == "http://a/x")
    #expect(job.authorization == "Basic dXNlcjpzZWNyZXQ=")
  }

  @Test func theyAreUsedForTheirOriginOnly() throws {
    let plan = try plan("http://user:secret@a/", "https://a/", "http://a:81/", "http://b/")
    let frontier = Frontier(plan)
    let seeds = frontier.seed(plan.seeds)
    #expect(seeds.map { $0.authorization.isEmpty } == [false, true, true, true])
    var page = CrawlPage()
    page.status = 200
    page.links = ["http://a/1", "http://b/1", "https://a/1", "http://a:81/1"]
    let jobs = frontier.take(seeds[3], page)
    #expect(jobs.map(\.url) == page.links)
    #expect(jobs.map(\.authorization) == ["Basic dXNlcjpzZWNyZXQ=", "", "", ""])
  }

  @Test func eachOriginHasItsOwn() throws {
    let plan = try plan("http://one@a/", "http://two@b/", "http://a/x")
    #expect(
      Frontier(plan).seed(plan.seeds).map(\.authorization) == [
        "Basic b25lOg==", "Basic dHdvOg==", "Basic b25lOg==",
      ])
  }

  @Test func withoutThemThereAreNone() throws {
    let plan = try plan("http://a/")
    #expect(Frontier(plan).seed(plan.seeds).map(\.authorization) == [""])
  }
}
