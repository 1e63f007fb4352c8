import SystemCalls

/// Fetches a page in blocking calls, in a thread or a process of its own.
struct BlockingFetch: Sendable {
  let client: PageClient
  /// Readable once the crawl is cancelled; nil if it can't be.
  let cancelled: Int32?

  init(_ client: PageClient, cancelled: Int32? = nil) {
    self.client = client
    self.cancelled = cancelled
  }

  func page(_ job: CrawlJob) -> CrawlPage {
    let fetch = PageFetch(job)
    if fetch.isNothing { return fetch.nothing }
    let deadline = Clock.now() + client.timeout
    let exchange = PageExchange(job, client)
    do {
      while !exchange.advance() { try wait(exchange, until: deadline) }
    } catch {
      exchange.end(PageFailure(waiting: error))
    }
    return fetch.page(exchange.answer)
  }

  /// Waits in poll(2) for the connection, or until the crawl is cancelled.
  private func wait(_ exchange: PageExchange, until deadline: UInt64) throws {
    let writes = exchange.wait.isSending
    var entries = [PollEntry(exchange.descriptor, read: !writes, write: writes)]
    if let cancelled { entries.append(PollEntry(cancelled, read: true)) }
    let now = Clock.now()
    let found = try ppoll(&entries, nanoseconds: deadline > now ? deadline - now : 0)
    if entries.count > 1, entries[1].readable { throw PageFailure.cancelled }
    if found == 0 { throw PageFailure.tooLate }
  }
}
