import SystemCalls

/// Fetches a page in blocking calls, in a thread or a process of its own.
struct BlockingFetch: Sendable {
  let servers: ServerAddresses
  /// Readable once the crawl is cancelled; nil if it can't be.
  let cancelled: Int32?

  init(_ servers: ServerAddresses, cancelled: Int32? = nil) {
    self.servers = servers
    self.cancelled = cancelled
  }

  func page(_ job: CrawlJob) -> CrawlPage {
    let fetch = PageFetch(job)
    if fetch.isNothing { return fetch.nothing }
    return fetch.page(
      Result {
        let deadline = Clock.now() + CrawlWork.pageTimeout
        let socket = try PageSocket(PageAddress(job, servers))
        repeat { try wait(socket, until: deadline, write: true) } while try !socket.send()
        repeat { try wait(socket, until: deadline, write: false) } while try !socket.receive()
        return socket.answer
      })
  }

  /// Waits in poll(2) for the socket, or until the crawl is cancelled.
  private func wait(_ socket: PageSocket, until deadline: UInt64, write: Bool) throws {
    var entries = [PollEntry(socket.descriptor, read: !write, write: write)]
    if let cancelled { entries.append(PollEntry(cancelled, read: true)) }
    let now = Clock.now()
    let found = try ppoll(&entries, nanoseconds: deadline > now ? deadline - now : 0)
    if entries.count > 1, entries[1].readable { throw PageFailure.cancelled }
    if found == 0 { throw PageFailure.tooLate }
  }
}
