/// One after the other: the program as one would write it first. Its own trait: nothing is easier to read, and while it
/// waits for one answer (read(2)) it has not asked for the next.
enum SequentialDemo: Demo {
  static let name = "sequential"
  static let summary = "three answers, one after the other: the sum of their times"

  static func run() throws {
    let watch = Stopwatch()
    for (question, milliseconds) in SlowAnswer.questions {
      try SlowAnswer(question, after: milliseconds).wait()
      say("goes on", "\"\(question)\" was answered after \(watch.milliseconds) ms")
    }
    say("program", "all three in \(watch.milliseconds) ms: as long as all of them together")
  }
}
