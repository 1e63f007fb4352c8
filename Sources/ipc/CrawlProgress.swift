import Measurement
import SystemCalls

/// Shows the progress of a crawl on a terminal.
final class CrawlProgress: Sendable {
  /// Nanoseconds between two updates.
  private static let interval: UInt64 = 250_000_000
  private let stopped = InterruptFlag()

  init(_ label: String, _ crawl: any RunnableCrawl) {
    guard Terminal.hasProgress else { return }
    let stopped = self.stopped
    try? Threads.start(name: "ipc-progress") {
      while !stopped.isSet {
        let (done, known) = crawl.progress
        let pages = known > 0 ? ": \(Figure.grouped(done)) of \(Figure.grouped(known))" : ""
        Terminal.progress(label + pages)
        Clock.sleep(nanoseconds: Self.interval)
      }
    }
  }

  func stop() { stopped.set() }
}
