import Crawling
import TestSupport
import Testing

/// The generated site is the same for the same number and seed, and all of it can be found.
@Suite(.watched) struct SitePlanTests {
  @Test func theSameSeedMakesTheSameSite() {
    let one = SitePlan(pages: 50, seed: 7)
    let other = SitePlan(pages: 50, seed: 7)
    for page in 0..<50 {
      #expect(one.html(page) == other.html(page))
      #expect(one.links(page) == other.links(page))
      #expect(one.title(page) == other.title(page))
    }
  }

  @Test func anotherSeedMakesAnother() {
    let one = SitePlan(pages: 50, seed: 7)
    let other = SitePlan(pages: 50, seed: 8)
    #expect((0..<50).contains { one.html($0) != other.html($0) })
    #expect((0..<50).contains { one.links($0) != other.links($0) })
  }

  @Test(arguments: [1, 2, 3, 10, 1000], [0, 1, UInt64.max]) func everyPageCanBeReached(
    _ pages: Int, _ seed: UInt64
  ) {
    let plan = SitePlan(pages: pages, seed: seed)
    var seen: Set<Int> = [0]
    var open = [0]
    while let page = open.popLast() {
      for link in plan.links(page) where seen.insert(link).inserted { open.append(link) }
    }
    #expect(seen == Set(0..<pages))
  }

  @Test func pathsAndPagesAreTheSame() {
    let plan = SitePlan(pages: 100, seed: 1)
    for page in 0..<100 { #expect(plan.page(SitePlan.path(page)[...]) == page) }
  }

  @Test(arguments: [
    "", "/page", "/page/", "/page/0", "/page/100", "/page/-1", "/page/+1", "/page/01", "/x",
  ])
  func otherPathsAreNoPages(_ path: String) {
    #expect(SitePlan(pages: 100, seed: 1).page(path[...]) == nil)
  }

  @Test func aSiteOfNothingHasNoPage() {
    let plan = SitePlan(pages: 0, seed: 1)
    #expect(plan.page("/") == nil)
    #expect(plan.links(0).isEmpty)
  }
}
