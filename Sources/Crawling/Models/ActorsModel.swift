import ConcurrencyModels

/// Actors: each protects its state without a lock, since one task at a time runs in it. A coordinator knows which pages
/// are to be fetched; each fetcher asks it for a page, and reports the result. All of them run on the event loop.
enum ActorsModel: CrawlModel {
  static let name = "actors"
  static let summary = "a coordinator and fetchers that are actors, on an event loop"

  static func crawl(_ work: CrawlWork) throws {
    let loop = try EventLoop()
    work.whenCancelled { loop.stop() }
    try loop.run {
      let coordinator = Coordinator(work, loop)
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<work.limit {
          let fetcher = Fetcher(work, loop)
          group.addTask { await fetcher.run(for: coordinator) }
        }
        // When cancelled, the fetchers that wait for a page are resumed.
        await withTaskCancellationHandler {
          await group.waitForAll()
        } onCancel: {
          Task { await coordinator.end() }
        }
      }
    }
  }

  private actor Coordinator: EventLoopActor {
    private let work: CrawlWork
    let eventLoop: EventLoop
    private var waiting: [CheckedContinuation<CrawlJob?, Never>] = []

    init(_ work: CrawlWork, _ loop: EventLoop) {
      self.work = work
      eventLoop = loop
    }

    /// The next page to fetch, once there is one; nil when the crawl is over.
    func next() async -> CrawlJob? {
      if let job = work.next() { return job }
      if work.isOver { return nil }
      return await withCheckedContinuation { waiting.append($0) }
    }

    /// Records a page, and resumes waiting fetchers with the pages to which it leads.
    func take(_ job: CrawlJob, _ page: CrawlPage) {
      work.finish(job, page)
      while !waiting.isEmpty, let next = work.next() { waiting.removeFirst().resume(returning: next) }
      if work.isOver { end() }
    }

    func end() {
      for fetcher in waiting { fetcher.resume(returning: nil) }
      waiting = []
    }
  }

  private actor Fetcher: EventLoopActor {
    private let work: CrawlWork
    let eventLoop: EventLoop

    init(_ work: CrawlWork, _ loop: EventLoop) {
      self.work = work
      eventLoop = loop
    }

    func run(for coordinator: Coordinator) async {
      while let job = await coordinator.next() {
        await coordinator.take(job, await AsyncModel.fetch(job, work, eventLoop))
      }
    }
  }
}
