import ConcurrencyModels

/// Callbacks on an event loop: three answers at once, on one thread.
///
/// What it gives and costs: only the loop waits (epoll_wait(2)); but what happens next is a function that is registered
/// with the loop, and its state is in variables that outlive it.
enum CallbacksDemo: Demo {
  static let name = "callbacks"
  static let summary = "one thread asks the kernel what is ready, and calls the function registered for it"

  static func run() throws {
    let loop = try EventLoop()
    let watch = Stopwatch()
    var left = SlowAnswer.questions.count
    for (question, milliseconds) in SlowAnswer.questions {
      let answer = try SlowAnswer(question, after: milliseconds, loop)
      var token: UInt64 = 0
      token = try loop.watch(answer.descriptor, .read) { _ in
        loop.remove(token)
        say("callback", "\"\(answer.question)\" was answered after \(watch.milliseconds) ms")
        left -= 1
        if left == 0 { loop.stop() }
      }
    }
    say("loop", "three callbacks are registered; the loop waits")
    try loop.run()
    say("loop", "all three took \(watch.milliseconds) ms: as long as the slowest alone")
  }
}
