import ConcurrencyModels
import Foundation

/// Stands for a connection in the demos of the models: an answer that comes some time after the question. pipe(2)
final class SlowAnswer: Sendable {
  let question: String
  private let pipe = Pipe()

  /// Asks; a timer of the loop answers after this many milliseconds.
  init(_ question: String, after milliseconds: UInt64, _ loop: EventLoop) throws {
    self.question = question
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    loop.after(milliseconds * 1_000_000) { try self.answer() }
  }

  /// Asks; a thread stands for the server.
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

  /// Readable when the answer is there.
  var descriptor: Int32 { pipe.fileHandleForReading.fileDescriptor }

  static let questions: [(question: String, milliseconds: UInt64)] = [
    ("the slow one", 60), ("the quick one", 20), ("the one between", 40),
  ]
}

/// Milliseconds since it was made.
struct Stopwatch: Sendable {
  private let start = ContinuousClock.now
  var milliseconds: UInt64 { UInt64((ContinuousClock.now - start) / .milliseconds(1)) }
}
