/// Fetches the pages of a worker process, one after the other.
///
/// It fetches `http` pages as the models do, so that they can be compared. URLSession fetches `https` pages: it has a few
/// threads, and wakes them ten thousand times a second while it waits.
final class JobFetcher {
  private let plain = BlockingFetch(ServerAddresses())
  private var secure: PageFetcher?

  func page(_ job: CrawlJob) -> CrawlPage {
    guard job.url.hasPrefix("https:") else { return plain.page(job) }
    let ready = secure ?? PageFetcher()
    secure = ready
    return ready.fetch(job.url)
  }
}
