import SystemCalls

/// Fetches a page in calls that wait: what a thread of its own, or a process of its own, does.
struct WaitingFetch: Sendable {
  let servers: Servers
  /// Readable when the crawl is cancelled; nil: it never is.
  let cancelled: Int32?

  init(_ servers: Servers, cancelled: Int32? = nil) {
    self.servers = servers
    self.cancelled = cancelled
  }

  func page(_ job: CrawlJob) -> CrawlPage {
    let visit = PageVisit(job)
    if visit.isNothing { return visit.nothing }
    return visit.page(
      Result {
        let deadline = Clock.now() + CrawlWork.patience
        let socket = try PageSocket(PageAddress(job.url, servers))
        repeat { try wait(socket, until: deadline, write: true) } while try !socket.send()
        repeat { try wait(socket, until: deadline, write: false) } while try !socket.receive()
        return socket.answer
      })
  }

  /// poll(2): for the socket, or for Ctrl-C.
  private func wait(_ socket: PageSocket, until deadline: UInt64, write: Bool) throws {
    var entries = [PollEntry(socket.descriptor, read: !write, write: write)]
    if let cancelled { entries.append(PollEntry(cancelled, read: true)) }
    let now = Clock.now()
    let found = try ppoll(&entries, nanoseconds: deadline > now ? deadline - now : 0)
    if entries.count > 1, entries[1].readable { throw PageFailure.cancelled }
    if found == 0 { throw PageFailure.tooLate }
  }
}
