import Synchronization
package import SystemCalls

/// Asks the first addresses of a crawl where they lead, before workers are started: one that leads to `https` needs workers
/// that have TLS.
package final class StartProbe: Sendable {
  private let cancelled: Descriptor

  package init() throws(SystemError) {
    cancelled = try Events.eventfd()
    try cancelled.setNonblocking(true)
  }

  /// Ends it at once, from any thread.
  package func cancel() { Events.write(cancelled) }

  /// Follows the redirects of an `http` address.
  ///
  /// - Parameter authorizations: what is sent as the header field Authorization, for each site that asks for it.
  /// - Returns: the first `https` address to which they lead, or why the address itself can't be fetched; neither if its
  ///   pages are fetched without TLS.
  package func follow(_ start: String, _ authorizations: [String: String]) -> (
    secure: String?, failure: String?
  ) {
    let fetch = BlockingFetch(PageClient(atOnce: 1), cancelled: cancelled.raw)
    var job = CrawlJob(url: start)
    for hop in 0...Frontier.mostHops {
      if job.url.hasPrefix("https:") { return (job.url, nil) }
      job.authorization = authorizations[Frontier.site(job.url)] ?? ""
      let page = fetch.page(job)
      if page.status == 0, hop == 0 { return (nil, page.failure) }
      guard page.isRedirect, let next = page.links.first else { return (nil, nil) }
      job = CrawlJob(url: next)
    }
    return (nil, nil)
  }
}
