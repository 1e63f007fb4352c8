import Synchronization

/// The pages of a crawl, for tasks that take one after the other: who finds none waits until there is one, or the crawl is
/// over.
final class CrawlQueue: Sendable {
  private let work: CrawlWork
  private let waiting = Mutex<[CheckedContinuation<CrawlJob?, Never>]>([])

  init(_ work: CrawlWork) {
    self.work = work
    work.whenCancelled { [weak self] in self?.serve() }
  }

  /// The next page to fetch; nil: the crawl is over.
  func next() async -> CrawlJob? {
    if let job = work.next() { return job }
    return await withCheckedContinuation { continuation in
      waiting.withLock { $0.append(continuation) }
      // What came just before it stood in line.
      serve()
    }
  }

  func finish(_ job: CrawlJob, _ page: CrawlPage) {
    work.finish(job, page)
    serve()
  }

  /// Those who wait get what there is.
  private func serve() {
    while true {
      let served: (CheckedContinuation<CrawlJob?, Never>, CrawlJob?)? = waiting.withLock { waiting in
        guard let last = waiting.last else { return nil }
        if let job = work.next() {
          waiting.removeLast()
          return (last, job)
        }
        guard work.isOver else { return nil }
        waiting.removeLast()
        return (last, nil)
      }
      guard let (continuation, job) = served else { return }
      continuation.resume(returning: job)
    }
  }
}
