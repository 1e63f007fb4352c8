import Synchronization
import SystemCalls

/// The pages of a crawl, for tasks that take one after the other, and wait while there is none.
final class CrawlQueue: Sendable {
  private let work: CrawlWork
  private let waiting = Locked<[CheckedContinuation<CrawlJob?, Never>]>([])

  init(_ work: CrawlWork) {
    self.work = work
    work.whenCancelled { [weak self] in self?.serve() }
  }

  /// The next page to fetch, once there is one; nil when the crawl is over.
  func next() async -> CrawlJob? {
    if let job = work.next() { return job }
    return await withCheckedContinuation { continuation in
      waiting.withLock { $0.append(continuation) }
      // For a page that arrived just before the continuation was added.
      serve()
    }
  }

  func finish(_ job: CrawlJob, _ page: CrawlPage) {
    work.finish(job, page)
    serve()
  }

  /// Resumes waiting tasks while there are pages.
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
