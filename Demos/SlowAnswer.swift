import ConcurrencyModels
import SystemCalls

/// Stands for a connection in the demos of the models: an answer that comes some time after it was asked for. eventfd(2)
final class SlowAnswer: Sendable {
  let question: String
  private let event: Descriptor

  /// Asks: the answer comes so many milliseconds later.
  init(_ question: String, after milliseconds: UInt64, _ loop: EventLoop) throws {
    self.question = question
    event = try Events.create()
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    loop.after(milliseconds * 1_000_000) { Events.signal(self.event) }
  }

  /// The same where there is no loop: a thread stands for the server.
  init(_ question: String, after milliseconds: UInt64) throws {
    self.question = question
    event = try Events.create()
    say("asks", "\"\(question)\", whose answer takes \(milliseconds) ms")
    try Threads.start(name: "server") { [event = try event.duplicate().release()] in
      let event = Descriptor(owning: event)
      Clock.sleep(nanoseconds: milliseconds * 1_000_000)
      Events.signal(event)
    }
  }

  /// Waits for the answer, with the calling thread: poll(2).
  func wait() throws { _ = try waitReady(event.raw, read: true, nanoseconds: nil) }

  /// Readable when the answer is there.
  var descriptor: Int32 { event.raw }

  static let questions: [(question: String, milliseconds: UInt64)] = [
    ("the slow one", 60), ("the quick one", 20), ("the one between", 40),
  ]
}

/// Milliseconds since it was made.
struct Stopwatch {
  private let start = Clock.now()
  var milliseconds: UInt64 { (Clock.now() - start) / 1_000_000 }
}
