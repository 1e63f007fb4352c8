/// Fetches the pages of a worker process, one after the other.
///
/// As every model here fetches a page, so that they can be compared. URLSession, which takes a few threads and wakes them
/// ten thousand times a second while it waits, does what takes TLS.
final class JobFetcher {
  private let plain = WaitingFetch(Servers())
  private var secure: PageFetcher?

  func page(_ job: CrawlJob) -> CrawlPage {
    guard job.url.hasPrefix("https:") else { return plain.page(job) }
    let ready = secure ?? PageFetcher()
    secure = ready
    return ready.fetch(job.url)
  }
}
