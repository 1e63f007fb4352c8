package import IPCWorkers
import Synchronization
import SystemCalls

/// The pages that are to be fetched, and those that are known: each address becomes a job at most once.
package final class Frontier: Sendable {
  private struct State {
    /// The distance of each known address from a seed, on the shortest path found so far.
    var depths: [String: UInt32] = [:]
    /// The links of the fetched pages, for when a shorter path to one of them is found.
    var links: [String: (targets: [String], isRedirect: Bool, hops: UInt32)] = [:]
    var pages: [PageRecord] = []
    var issued = 0
    /// The scheme, host and port to which links may lead.
    var sites: Set<String>
    var moves: [Move] = []
    /// The hashes of the addresses that the limit left out.
    var refused: Set<Int> = []
    var leftOut = LeftOut()
  }

  /// The longest chain of redirects that is followed.
  package static let mostHops: UInt32 = 10

  private let authorizations: [String: String]
  private let deepest: UInt32
  private let limit: Int
  private let followsLinks: Bool
  private let state: Locked<State>

  /// - Parameters:
  ///   - sites: the scheme, host and port to which links may lead.
  ///   - deepest: how many links away from a seed a page may be.
  ///   - limit: how many pages at most.
  ///   - authorizations: what is sent as the header field Authorization, for each site that asks for it.
  package init(
    sites: Set<String>, deepest: UInt32, limit: Int, followsLinks: Bool,
    authorizations: [String: String] = [:]
  ) {
    state = Locked(State(sites: sites))
    self.authorizations = authorizations
    self.deepest = deepest
    self.limit = limit
    self.followsLinks = followsLinks
  }

  /// That of a crawl, which stays on the sites of its seeds.
  package convenience init(_ plan: CrawlPlan) {
    self.init(
      sites: Set(plan.seeds.map(Self.site)), deepest: plan.deepest, limit: plan.limit,
      followsLinks: plan.work != .slow, authorizations: plan.authorizations)
  }

  /// The origin of an address in normal form, as ``PageURL/origin`` has it: `http://host:port`.
  package static func site(_ url: String) -> String {
    // The third slash ends it.
    var slashes = 0
    for index in url.utf8.indices {
      let byte = url.utf8[index]
      if byte == UInt8(ascii: "/") { slashes += 1 }
      if slashes == 3 || (slashes == 2 && byte == UInt8(ascii: "?")) { return String(url[..<index]) }
    }
    return url
  }

  /// The first jobs.
  package func seed(_ urls: [String]) -> [CrawlJob] {
    state.withLock { state in urls.compactMap { issue($0, depth: 0, hops: 0, &state) } }
  }

  private func issue(_ url: String, depth: UInt32, hops: UInt32, _ state: inout State) -> CrawlJob? {
    guard state.depths[url] == nil else { return nil }
    guard state.issued < limit else {
      if state.refused.count < LeftOut.mostCounted { state.refused.insert(url.hashValue) }
      return nil
    }
    state.depths[url] = depth
    state.issued += 1
    let authorization = authorizations.isEmpty ? nil : authorizations[Self.site(url)]
    return CrawlJob(url: url, depth: depth, hops: hops, authorization: authorization ?? "")
  }

  /// The jobs to which a fetched page leads. If it is a shorter path to a known page, the pages behind that are updated
  /// too, so that a page's depth doesn't depend on which worker was first.
  private func expand(_ url: String, _ state: inout State) -> [CrawlJob] {
    var jobs: [CrawlJob] = []
    var nearer = [url]
    while let page = nearer.popLast() {
      guard let found = state.links[page], let here = state.depths[page] else { continue }
      let depth = found.isRedirect ? here : here + 1
      let hops = found.isRedirect ? found.hops + 1 : 0
      guard hops <= Self.mostHops else {
        if !found.targets.isEmpty { state.leftOut.redirects += 1 }
        continue
      }
      guard depth <= deepest else { continue }
      // Where the first address leads is the start, on whatever site.
      if found.isRedirect, here == 0, follow(found.targets, from: page, &state) {
        // Pages that are known already may lead there.
        nearer += state.links.keys
      }
      for target in found.targets where state.sites.contains(Self.site(target)) {
        if let known = state.depths[target] {
          guard depth < known else { continue }
          state.depths[target] = depth
          nearer.append(target)
        } else if let job = issue(target, depth: depth, hops: hops, &state) {
          jobs.append(job)
        }
      }
    }
    return jobs
  }

  /// Adds the sites of a first address's targets. Returns whether there are new ones.
  private func follow(_ targets: [String], from page: String, _ state: inout State) -> Bool {
    var isNew = false
    for target in targets where state.sites.insert(Self.site(target)).inserted {
      state.moves.append(Move(from: page, to: target))
      isNew = true
    }
    return isNew
  }

  /// Records the outcome of a job, and returns the jobs to which it leads.
  package func take(_ outcome: JobOutcome<CrawlJob, CrawlPage>) -> [CrawlJob] {
    switch outcome.result {
    case .failure(.cancelled): return []
    case .failure(let failure):
      var page = CrawlPage()
      page.failure = failure.description
      return take(outcome.job, page, worker: outcome.worker)
    case .success(let page): return take(outcome.job, page, worker: outcome.worker)
    }
  }

  /// Records a page, and returns the jobs to which it leads.
  package func take(_ job: CrawlJob, _ page: CrawlPage, worker: Int = 0) -> [CrawlJob] {
    state.withLock { state in
      state.pages.append(PageRecord(job, page, worker: worker))
      state.leftOut.add(page, of: job.url)
      guard followsLinks, page.failure.isEmpty || page.isCut else { return [] }
      state.links[job.url] = (page.links, page.isRedirect, job.hops)
      return expand(job.url, &state)
    }
  }

  package var pages: [PageRecord] {
    state.withLock { state in state.pages.map { $0.at(depth: state.depths[$0.url]) } }
  }

  /// What the crawl has left out so far.
  package var leftOut: LeftOut {
    state.withLock { state in
      var leftOut = state.leftOut
      leftOut.pages = state.refused.count
      return leftOut
    }
  }

  /// The first addresses that led to other sites.
  package var moves: [Move] { state.withLock { $0.moves } }

  package var progress: (done: Int, known: Int) { state.withLock { ($0.pages.count, $0.issued) } }
}

/// One page of a finished crawl.
package struct PageRecord: Sendable, Hashable, Codable {
  package let url: String
  package let status: Int
  package let bytes: Int
  package private(set) var depth: Int
  package let title: String
  package let links: [String]
  package let milliseconds: Double
  package let worker: Int
  package let html: Bool
  /// Whether it was read in part, for the reason that `failure` names.
  package let isCut: Bool
  /// How many of its links are left out, since it has too many.
  package let linksLeftOut: Int
  /// Why there was no response, or only a part of it; nil if there was one.
  package let failure: String?

  private enum CodingKeys: String, CodingKey {
    case url, status, bytes, depth, title, links, milliseconds, worker, html
    case isCut = "cut"
    case linksLeftOut = "links_left_out"
    case failure
  }

  init(_ job: CrawlJob, _ page: CrawlPage, worker: Int) {
    url = job.url
    status = Int(page.status)
    bytes = Int(page.bytes)
    depth = Int(job.depth)
    title = page.title
    links = page.links
    milliseconds = Double(page.microseconds) / 1000
    self.worker = worker
    html = page.isHTML
    isCut = page.isCut
    linksLeftOut = Int(page.linksLeftOut)
    failure = page.failure.isEmpty ? nil : page.failure
  }

  /// A page that was read in part hasn't failed.
  package var hasFailed: Bool { failure != nil && !isCut || status >= 400 }

  func at(depth: UInt32?) -> PageRecord {
    var record = self
    if let depth { record.depth = Int(depth) }
    return record
  }
}
