import ConcurrencyModels

/// Futures and tasks: the same three answers, in functions that read like blocking ones.
///
/// A future is a result that isn't there yet. A coroutine is a function that stops where it waits for one, and its task
/// continues it when the future has a result.
///
/// What futures add: one thread runs all the functions, and each is written in one piece, with its local variables. A
/// failed future throws its error at the line that waits for it.
enum FuturesDemo: Demo {
  static let name = "futures"
  static let summary =
    "a function stops where it waits for a result, and its task continues it when the result is there"

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
        say("task", "continues after \(watch.milliseconds) ms: \"\(question)\" was answered")
        return question.count
      }
    }

    let tasks = SlowAnswer.questions.map { CoroutineTask(ask($0.question, $0.milliseconds)) }
    say("main", "3 tasks run on this thread, and each has stopped at its wait for a future")
    let all = CoroutineTask<Int>(
      Coroutine { context in
        var letters = 0
        for task in tasks { letters += try await context.wait(for: task.outcome) }
        return letters
      })
    all.outcome.whenDone { loop.stop() }
    try loop.run()
    let letters = try all.outcome.result?.get() ?? 0
    say(
      "main",
      "a fourth task waited for the results of the 3, each the length of its question, and adds them: \(letters)"
    )
    say("main", "all of it took \(watch.milliseconds) ms: as long as the slowest alone")

    // A future that fails.
    let broken = Future<Int>()
    let hopeful = CoroutineTask<String>(
      Coroutine { context in
        do {
          return "got \(try await context.wait(for: broken))"
        } catch {
          return "a future failed: the task that waits for it gets \(error), thrown at its wait"
        }
      })
    broken.fail(NoAnswer())
    say("main", try hopeful.outcome.result?.get() ?? "")
  }
}
