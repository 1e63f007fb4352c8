import ConcurrencyModels
import Foundation

/// In the demos of the models: a connection whose answer arrives some time after the question. It is a pipe(2).
final class SlowAnswer: Sendable {
  let question: String
  private let pipe = Pipe()

  /// Asks. A timer of the loop answers after this many milliseconds.
  init(_ question: String, after milliseconds: UInt64, _ loop: EventLoop) throws {
    self.question = question
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    loop.after(milliseconds * 1_000_000) { try self.answer() }
  }

  /// Asks. A thread answers after this many milliseconds.
  init(_ question: String, after milliseconds: UInt64) throws {
    self.question = question
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    Thread.detachNewThread { [self] in
      Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
      try? answer()
    }
  }

  private func answer() throws { try pipe.fileHandleForWriting.write(contentsOf: [1]) }

  /// Waits for the answer on the calling thread: read(2).
  func wait() throws { _ = try pipe.fileHandleForReading.read(upToCount: 1) }

  /// Readable when the answer has arrived.
  var descriptor: Int32 { pipe.fileHandleForReading.fileDescriptor }

  static let questions: [(question: String, milliseconds: UInt64)] = [
    ("the slow one", 60), ("the quick one", 20), ("the middle one", 40),
  ]
}

/// Counts the milliseconds since it was made.
struct Stopwatch: Sendable {
  private let start = ContinuousClock.now
  var milliseconds: UInt64 { UInt64((ContinuousClock.now - start) / .milliseconds(1)) }
}
