/// One page after the other, in calls that wait: the program as one would write it first. While a page is on its way,
/// the thread does nothing else.
enum SequentialModel: CrawlModel {
  static let name = "sequential"
  static let summary = "one after the other, in calls that wait"
  static let most = 1

  static func crawl(_ work: CrawlWork) throws {
    let fetch = work.waitingFetch
    while let job = work.next() { work.finish(job, fetch.page(job)) }
  }
}
