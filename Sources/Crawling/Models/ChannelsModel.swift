import ConcurrencyModels

/// Tasks that share only channels, as in Go: fetchers receive jobs from one channel and send pages to another; a
/// coordinator selects between sending the next job and receiving the next page. There are no callbacks, and only the
/// coordinator has state.
enum ChannelsModel: CrawlModel {
  static let name = "channels"
  static let summary = "tasks, channels and select, on an event loop"

  private struct Fetched {
    let job: CrawlJob
    let page: CrawlPage
  }

  static func crawl(_ work: CrawlWork) throws {
    let loop = try EventLoop()
    work.whenCancelled { loop.stop() }
    try loop.run {
      let jobs = LocalChannel<CrawlJob>()
      let pages = LocalChannel<Fetched>()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<work.limit {
          group.addTask {
            for try await job in jobs {
              try await pages.send(Fetched(job: job, page: await AsyncModel.fetch(job, work, loop)))
            }
          }
        }
        var next = work.next()
        while next != nil || !work.isOver {
          let fetched: Fetched? = try await select {
            // Without a job there is nothing to send.
            if let next { Send(next, to: jobs) { nil } }
            Receive(pages) { $0 }
          }
          if let fetched { work.finish(fetched.job, fetched.page) }
          if fetched == nil || next == nil { next = work.next() }
        }
        try jobs.close()
        try await group.waitForAll()
      }
    }
  }
}
