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
    var refused = false
  }

  /// The longest chain of redirects that is followed.
  private static let mostHops: UInt32 = 10

  private let sites: Set<String>
  private let deepest: UInt32
  private let limit: Int
  private let followsLinks: Bool
  private let state = Locked(State())

  /// - Parameters:
  ///   - sites: the scheme, host and port to which links may lead.
  ///   - deepest: how many links away from a seed a page may be.
  ///   - limit: how many pages at most.
  package init(sites: Set<String>, deepest: UInt32, limit: Int, followsLinks: Bool) {
    self.sites = sites
    self.deepest = deepest
    self.limit = limit
    self.followsLinks = followsLinks
  }

  /// `http://host:port` of an address.
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
      state.refused = true
      return nil
    }
    state.depths[url] = depth
    state.issued += 1
    return CrawlJob(url: url, depth: depth, hops: hops)
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
      guard depth <= deepest, hops <= Self.mostHops else { continue }
      for target in found.targets where sites.contains(Self.site(target)) {
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
      guard followsLinks, page.failure.isEmpty else { return [] }
      state.links[job.url] = (page.links, page.isRedirect, job.hops)
      return expand(job.url, &state)
    }
  }

  package var pages: [PageRecord] {
    state.withLock { state in state.pages.map { $0.at(depth: state.depths[$0.url]) } }
  }

  /// Whether the limit left pages out. Which ones depends on the order in which pages were fetched.
  package var isCutOff: Bool { state.withLock { $0.refused } }

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
  /// Why there was no response; nil if there was one.
  package let failure: String?

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
    failure = page.failure.isEmpty ? nil : page.failure
  }

  package var hasFailed: Bool { failure != nil || status >= 400 }

  func at(depth: UInt32?) -> PageRecord {
    var record = self
    if let depth { record.depth = Int(depth) }
    return record
  }
}
