/// Fetches the pages of a worker process, one after the other.
///
/// It fetches `http` pages as the models do, so that they can be compared. What fetches `https` pages is given to it: it
/// needs libraries that take longer to load than everything else here, so a program of its own has it.
struct JobFetcher {
  private let plain: BlockingFetch
  private let secure: ((_ job: CrawlJob) -> CrawlPage)?

  /// - Parameters:
  ///   - client: What keeps the connection from one page to the next.
  ///   - secure: Fetches an `https` page; nil: such pages fail.
  init(
    _ client: PageClient = PageClient(atOnce: 1), https secure: ((_ job: CrawlJob) -> CrawlPage)? = nil
  ) {
    plain = BlockingFetch(client)
    self.secure = secure
  }

  func page(_ job: CrawlJob) -> CrawlPage {
    guard let secure, job.url.hasPrefix("https:") else { return plain.page(job) }
    return secure(job)
  }
}
