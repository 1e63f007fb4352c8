import ConcurrencyModels

/// Callbacks on an event loop: three answers on their way at once, on one thread. Its own trait: nothing waits but the
/// loop (epoll_wait(2)); what is to be done next is a function that is left with it, and what it has to remember is in
/// variables that outlive it.
enum CallbacksDemo: Demo {
  static let name = "callbacks"
  static let summary = "one thread asks the kernel what is ready, and calls what was left there"

  static func run() throws {
    let loop = try EventLoop()
    let watch = Stopwatch()
    var left = SlowAnswer.questions.count
    for (question, milliseconds) in SlowAnswer.questions {
      let answer = try SlowAnswer(question, after: milliseconds, loop)
      var token: UInt64 = 0
      token = try loop.watch(answer.descriptor, .read) { _ in
        loop.remove(token)
        say("called", "\"\(answer.question)\" was answered after \(watch.milliseconds) ms")
        left -= 1
        if left == 0 { loop.stop() }
      }
    }
    say("loop", "three callbacks are left with the loop; now it waits")
    try loop.run()
    say("loop", "all three in \(watch.milliseconds) ms: as long as the slowest alone")
  }
}
