import IPC
import Synchronization
import SystemCalls

/// Measures the parts of a crawl's time in the coordinator's process, and receives those of its workers.
final class PartsMeter: Sendable {
  /// How long a worker that has ended may take to have told its times.
  private static let timeout = Duration.seconds(1)

  private struct State: Sendable {
    var start = TimesUsed()
    var used = TimesUsed()
    var workers: [SharedReceiver<WorkerTimes>] = []
  }
  private let state = Locked(State())

  init() { CallTime.start() }

  /// Gives a worker the endpoint over which it tells its times.
  @Sendable func prepare(_ spawn: inout Spawn) throws(ChannelError) {
    var channel = try Channel<WorkerTimes>(over: .pipe)
    try spawn.pass(&channel.sender, as: WorkerMeter.endpoint)
    let receiver = channel.receiver.shared()
    state.withLock { $0.workers.append(receiver) }
  }

  func begin() {
    let now = TimesUsed.ofProcess()
    state.withLock { $0.start = now }
  }

  func end() {
    let now = TimesUsed.ofProcess()
    state.withLock { $0.used = now.since($0.start) }
  }

  /// The parts of all processes, once the workers have ended; nil when one of them has died, whose times are lost.
  /// - Parameter wall: from the first page to the last, in nanoseconds.
  func parts(wall: Double, workers count: Int) -> CrawlParts? {
    let (used, workers) = state.withLock { ($0.used, $0.workers) }
    var sum = CrawlParts(used, work: 0, wall: wall)
    var told = 0
    for worker in workers {
      guard let times = try? worker.receive(within: Self.timeout) else { continue }
      sum.add(CrawlParts(times.used, work: Double(times.work), wall: wall))
      told += 1
    }
    return told == count && workers.count == count ? sum : nil
  }
}
