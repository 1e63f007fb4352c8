import IPC
import SystemCalls

/// What the time of a crawl's processes went into: together, as many times the wall time as there are processes. In
/// nanoseconds.
package struct CrawlParts: Sendable, Hashable, Codable {
  /// The pages themselves: fetching and reading them, with what that waits for.
  package var work = 0.0
  /// CPU time outside of the pages and of system calls: the pool's, the channels' and the coordinator's own.
  package var library = 0.0
  /// CPU time in the system calls of the channels, timed at the gate.
  package var system = 0.0
  /// Ready to run, and waiting for a CPU.
  package var runqueue = 0.0
  /// Asleep.
  package var waiting = 0.0
  /// How often a process went to sleep outside of a page, and was woken.
  package var wakeups = 0.0

  /// Work, library, system, run queue, waiting.
  package var times: [Double] { [work, library, system, runqueue, waiting] }
  package var sum: Double { times.reduce(0, +) }

  init() {}

  /// Of one process.
  ///
  /// A process with several threads waits for a CPU, or sleeps, only as long as none of them runs, so that its parts are no
  /// longer than the wall time, unless it used more CPU time than that.
  ///
  /// - Parameters:
  ///   - used: what it used outside of the pages.
  ///   - work: the time of its pages, by the clock.
  ///   - wall: from the first page to the last.
  init(_ used: TimesUsed, work: Double, wall: Double) {
    self.work = work
    system = Double(used.calls.nanoseconds)
    library = max(0, Double(used.cpu) - system - Double(used.calls.timing))
    let left = max(0, wall - work - system - library)
    runqueue = min(left, Double(used.delay))
    waiting = left - runqueue
    wakeups = Double(used.sleeps)
  }

  mutating func add(_ other: CrawlParts) { self = combined(other, +) }

  /// Each part, with that of another.
  private func combined(_ other: CrawlParts, _ body: (Double, Double) -> Double) -> CrawlParts {
    var result = CrawlParts()
    result.work = body(work, other.work)
    result.library = body(library, other.library)
    result.system = body(system, other.system)
    result.runqueue = body(runqueue, other.runqueue)
    result.waiting = body(waiting, other.waiting)
    result.wakeups = body(wakeups, other.wakeups)
    return result
  }

  /// Each part in proportion.
  func scaled(by factor: Double) -> CrawlParts { combined(self) { part, _ in part * factor } }

  /// Each part, as the median of several.
  static func median(_ list: [CrawlParts], _ median: ([Double]) -> Double) -> CrawlParts {
    var result = CrawlParts()
    result.work = median(list.map(\.work))
    result.library = median(list.map(\.library))
    result.system = median(list.map(\.system))
    result.runqueue = median(list.map(\.runqueue))
    result.waiting = median(list.map(\.waiting))
    result.wakeups = median(list.map(\.wakeups))
    return result
  }
}

/// What a worker process tells at its end, where the parts of a crawl are measured.
struct WorkerTimes: Message, Sendable {
  /// What it used outside of its pages.
  var used = TimesUsed()
  /// The time of its pages, by the clock, in nanoseconds.
  var work: UInt64 = 0

  init() {}

  func encode(to writer: inout MessageWriter) {
    writer.write(used.cpu)
    writer.write(used.delay)
    writer.write(Int64(used.sleeps))
    writer.write(used.calls.calls)
    writer.write(used.calls.nanoseconds)
    writer.write(used.calls.timing)
    writer.write(work)
  }

  init(from reader: inout MessageReader) throws(ChannelError) {
    used.cpu = try reader.integer()
    used.delay = try reader.integer()
    let sleeps: Int64 = try reader.integer()
    used.sleeps = Int(sleeps)
    used.calls.calls = try reader.integer()
    used.calls.nanoseconds = try reader.integer()
    used.calls.timing = try reader.integer()
    work = try reader.integer()
  }
}

/// Measures, in a worker process, what its pages take and what all else takes.
struct WorkerMeter: ~Copyable {
  /// The name of the endpoint over which a worker tells its times; a worker without one doesn't measure.
  static let endpoint = "times"
  private static let rehearsals: UInt64 = 200

  private let times: ThreadTimes
  private let start: TimesUsed
  /// What one reading of the times costs.
  private let reading: UInt64
  private var readings: UInt64 = 0
  private var pages = TimesUsed()
  private var worked: UInt64 = 0

  init() throws(SystemError) {
    times = try ThreadTimes()
    CallTime.start()
    let before = Clock.cpuOfThread()
    for _ in 0..<Self.rehearsals { _ = times.now() }
    reading = (Clock.cpuOfThread() - before) / Self.rehearsals
    start = TimesUsed.ofProcess()
  }

  mutating func measure(_ page: () -> CrawlPage) -> CrawlPage {
    let before = times.now()
    let begun = Clock.now()
    let result = page()
    worked &+= Clock.now() &- begun
    pages.add(times.now().since(before))
    readings += 1
    return result
  }

  /// The times until now.
  func total() -> WorkerTimes {
    var result = WorkerTimes()
    result.used = TimesUsed.ofProcess().since(start).since(pages)
    // Of the two readings of a page, about half of each lies outside of it.
    let own = readings * reading
    result.used.cpu = result.used.cpu > own ? result.used.cpu - own : 0
    result.work = worked
    return result
  }
}
