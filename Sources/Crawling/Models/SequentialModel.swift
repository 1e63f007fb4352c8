import SystemCalls

/// One page after the other, in calls that wait: the program as one would write it first. While a page is on its way,
/// the thread does nothing else.
enum SequentialModel: CrawlModel {
  static let name = "sequential"
  static let summary = "one after the other, each call waits"

  static func crawl(_ work: CrawlWork) throws {
    while let job = work.next() { work.finish(job, fetch(job, work)) }
  }

  /// Fetches a page, and waits for it. Threads do the same.
  static func fetch(_ job: CrawlJob, _ work: CrawlWork) -> CrawlPage {
    let visit = PageVisit(job)
    if visit.isNothing { return visit.nothing }
    return visit.page(
      Result {
        let deadline = Clock.now() + CrawlWork.patience
        let socket = try PageSocket(PageAddress(job.url, work.servers))
        repeat { try wait(socket, work, until: deadline, write: true) } while try !socket.send()
        repeat { try wait(socket, work, until: deadline, write: false) } while try !socket.receive()
        return socket.answer
      })
  }

  /// poll(2): for the socket, or for Ctrl-C.
  private static func wait(
    _ socket: PageSocket, _ work: CrawlWork, until deadline: UInt64, write: Bool
  ) throws {
    var entries = [
      PollEntry(socket.descriptor, read: !write, write: write), PollEntry(work.cancelled.raw, read: true),
    ]
    let now = Clock.now()
    let found = try poll(&entries, nanoseconds: deadline > now ? deadline - now : 0)
    if entries[1].readable { throw PageFailure.cancelled }
    if found == 0 { throw PageFailure.tooLate }
  }
}
