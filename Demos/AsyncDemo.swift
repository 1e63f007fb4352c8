import ConcurrencyModels

/// async and await on the event loop: the same three answers, in Swift's own tasks.
///
/// What they add: tasks have a parent. When one throws or takes too long, the others are cancelled, and the parent
/// continues when all have ended.
enum AsyncDemo: Demo {
  static let name = "async"
  static let summary = "async functions on one thread, and how they end together"

  static func run() throws {
    let loop = try EventLoop()
    let watch = Stopwatch()

    @Sendable func ask(_ question: String, _ milliseconds: UInt64) async throws -> Int {
      let answer = try SlowAnswer(question, after: milliseconds, loop)
      do {
        _ = try await loop.ready(answer.descriptor, .read)
      } catch {
        say("task", "\"\(question)\" was cancelled after \(watch.milliseconds) ms: \(error)")
        throw error
      }
      say("task", "\"\(question)\" was answered after \(watch.milliseconds) ms")
      return question.count
    }

    try loop.run {
      let letters = try await gather(
        SlowAnswer.questions.map { asked in
          { @Sendable in try await ask(asked.question, asked.milliseconds) }
        })
      say(
        "parent",
        "gather returned the results of all three, the lengths of their questions: \(letters), after \(watch.milliseconds) ms"
      )
      do {
        _ = try await loop.timeout(nanoseconds: 30_000_000) {
          try await gather([
            { @Sendable in try await ask("too slow", 5000) },
            { @Sendable in try await ask("slower still", 9000) },
          ])
        }
      } catch {
        say("parent", "\(error): both tasks were cancelled, and have ended")
      }
    }
  }
}
