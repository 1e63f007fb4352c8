import ConcurrencyModels

/// Futures and tasks: the same three answers, in functions that read like blocking ones.
///
/// What futures add: a coroutine yields the future that it waits for, and its task steps it again when the future has a
/// result. A failed future throws its error at the line that waits for it.
enum FuturesDemo: Demo {
  static let name = "futures"
  static let summary =
    "a coroutine yields the future that it waits for, and a task steps it when that has a result"

  private struct NoAnswer: Error {}

  static func run() throws {
    let loop = try EventLoop()
    let watch = Stopwatch()

    func ask(_ question: String, _ milliseconds: UInt64) -> Coroutine<Int> {
      Coroutine { context in
        let answer = try SlowAnswer(question, after: milliseconds, loop)
        let ready = Future<Void>()
        let token = try loop.watch(answer.descriptor, .read) { _ in ready.succeed(()) }
        defer { loop.remove(token) }
        try await context.wait(for: ready)
        say("task", "\"\(question)\" was answered after \(watch.milliseconds) ms")
        return question.count
      }
    }

    let tasks = SlowAnswer.questions.map { CoroutineTask(ask($0.question, $0.milliseconds)) }
    let all = CoroutineTask<Int>(
      Coroutine { context in
        var letters = 0
        for task in tasks { letters += try await context.wait(for: task.outcome) }
        return letters
      })
    all.outcome.whenDone { loop.stop() }
    try loop.run()
    say("task", "returned \(try all.outcome.result?.get() ?? 0) letters after \(watch.milliseconds) ms")

    // A future that fails.
    let broken = Future<Int>()
    let hopeful = CoroutineTask<String>(
      Coroutine { context in
        do {
          return "got \(try await context.wait(for: broken))"
        } catch {
          return "the wait threw \(error)"
        }
      })
    broken.fail(NoAnswer())
    say("task", try hopeful.outcome.result?.get() ?? "")
  }
}
