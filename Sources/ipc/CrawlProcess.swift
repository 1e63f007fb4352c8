import Crawling
import IPC
import Synchronization
import SystemCalls

/// One crawl in a process of its own: no crawl finds what another has left in its coordinator's memory.
final class CrawlProcess: Sendable {
  /// What the process is asked for.
  struct Assignment: Codable, Message {
    let plan: CrawlPlan
    let configuration: CrawlConfiguration
    /// Whether some empty jobs come first, without measuring: what a process makes once is made then.
    let warmsUp: Bool
    let reportsProgress: Bool
  }

  /// What the process tells.
  enum Report: Codable, Message {
    case progress(done: Int, known: Int)
    case pages([PageRecord])
    case finished(CrawlRun, LeftOut, [Move])
    case failed(String)
  }

  struct Result {
    let run: CrawlRun
    let pages: [PageRecord]
    let leftOut: LeftOut
    let moves: [Move]
  }

  private let assignment: Assignment
  private let state = Locked<(isCancelled: Bool, sender: SharedSender<Assignment>?)>((false, nil))

  init(_ assignment: Assignment) { self.assignment = assignment }

  /// Ends the crawl, from any thread: the process then tells what it has.
  func cancel() {
    let sender = state.withLock { state in
      state.isCancelled = true
      return state.sender
    }
    sender?.close()
  }

  /// Starts the process, and waits until the crawl has ended.
  /// - Parameter show: called with the progress, where the assignment asks for it.
  func run(_ show: (_ done: Int, _ known: Int) -> Void) throws -> Result {
    var assignments = try Channel<Assignment>(over: .pipe)
    var reports = try Channel<Report>(over: .pipe)
    var process = try ChildProcess.spawn(arguments: [CrawlCoordinatorProcess.argument]) {
      try $0.pass(&assignments.receiver, as: CrawlCoordinatorProcess.assignments)
      try $0.pass(&reports.sender, as: CrawlCoordinatorProcess.reports)
    }
    let sender = assignments.sender.shared()
    // The end of this channel ends the crawl.
    defer { sender.close() }
    try sender.send(assignment)
    let isCancelled = state.withLock { state in
      state.sender = sender
      return state.isCancelled
    }
    if isCancelled { sender.close() }
    var pages: [PageRecord] = []
    while let report = try reports.receiver.next() {
      switch report {
      case .progress(let done, let known): show(done, known)
      case .pages(let more): pages += more
      case .finished(let run, let leftOut, let moves):
        return Result(run: run, pages: pages, leftOut: leftOut, moves: moves)
      case .failed(let message): throw Failure.work(message)
      }
    }
    throw Failure.work(
      "the process that coordinates the crawl ended before the crawl (\(try process.wait())): \(Self.advice)"
    )
  }

  /// What to do about a process that ended by itself. Not every library survives a call that finds no memory: the HTML
  /// parser doesn't.
  private static var advice: String {
    Processes.hasMemoryLimit
      ? "it may have run out of memory: raise the limit that ulimit -v has set, or use fewer workers"
      : "run the command again"
  }
}

/// The process that coordinates one crawl.
enum CrawlCoordinatorProcess: ToolProcess {
  static let argument = "--crawl-coordinator"
  static let assignments = "assignments"
  static let reports = "reports"
  private static let pagesPerReport = 100
  private static let warmUpJobs = 200
  /// Nanoseconds between two reports of progress.
  private static let progressInterval: UInt64 = 250_000_000

  static func run(_ arguments: [String]) throws {
    var assignments = try Receiver<CrawlProcess.Assignment>(inherited: Self.assignments)
    var sender = try Sender<CrawlProcess.Report>(inherited: Self.reports)
    let reports = sender.shared()
    let assignment = try assignments.receive()
    let state = CrawlState()
    let end = assignments.shared()
    try Threads.start(name: "ipc-cancel") {
      _ = try? end.next()
      state.cancel()
    }
    do {
      if assignment.warmsUp { try warmUp(assignment) }
      let crawl = try assignment.configuration.crawl(assignment.plan)
      state.begin(crawl)
      if assignment.reportsProgress { try reportProgress(of: crawl, to: reports) }
      let (run, pages) = try crawl.run()
      for first in stride(from: 0, to: pages.count, by: pagesPerReport) {
        try reports.send(.pages(Array(pages[first..<min(first + pagesPerReport, pages.count)])))
      }
      try reports.send(.finished(run, crawl.leftOut, crawl.moves))
    } catch let error as Failure {
      try reports.send(.failed(error.message))
    } catch {
      try reports.send(.failed("\(error)"))
    }
    reports.close()
  }

  private static func warmUp(_ assignment: CrawlProcess.Assignment) throws {
    var plan = assignment.plan
    plan.work = .nothing
    plan.pages = warmUpJobs
    plan.workers = 1
    plan.measuresParts = false
    _ = try assignment.configuration.crawl(plan).run()
  }

  private static func reportProgress(
    of crawl: any RunnableCrawl, to reports: SharedSender<CrawlProcess.Report>
  ) throws {
    try Threads.start(name: "ipc-progress") {
      // Until the channel is closed, at the crawl's end.
      while true {
        let (done, known) = crawl.progress
        guard (try? reports.send(.progress(done: done, known: known))) != nil else { return }
        Clock.sleep(nanoseconds: progressInterval)
      }
    }
  }
}

/// The crawl of a coordinating process, which another thread may cancel at any time.
private final class CrawlState: Sendable {
  private let state = Locked<(crawl: (any RunnableCrawl)?, isCancelled: Bool)>((nil, false))

  func begin(_ crawl: any RunnableCrawl) {
    let isCancelled = state.withLock { state in
      state.crawl = crawl
      return state.isCancelled
    }
    if isCancelled { crawl.cancel() }
  }

  func cancel() {
    let crawl = state.withLock { state in
      state.isCancelled = true
      return state.crawl
    }
    crawl?.cancel()
  }
}
