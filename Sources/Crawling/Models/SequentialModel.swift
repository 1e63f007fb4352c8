/// One page after the other, in blocking calls: the simplest program. While it waits for a page, the thread does nothing
/// else.
enum SequentialModel: CrawlModel {
  static let name = "sequential"
  static let summary = "one page after the other, in blocking calls"
  static let most = 1

  static func crawl(_ work: CrawlWork) throws {
    let fetch = work.blockingFetch
    while let job = work.next() { work.finish(job, fetch.page(job)) }
  }
}
