/// One after the other: the simplest program.
///
/// What it gives and costs: nothing is easier to read; but while it waits for one answer (read(2)), it hasn't asked the
/// next question.
enum SequentialDemo: Demo {
  static let name = "sequential"
  static let summary = "three answers, one after the other: they take the sum of their times"

  static func run() throws {
    let watch = Stopwatch()
    for (question, milliseconds) in SlowAnswer.questions {
      try SlowAnswer(question, after: milliseconds).wait()
      say("program", "\"\(question)\" was answered after \(watch.milliseconds) ms")
    }
    say("program", "all three took \(watch.milliseconds) ms: the sum of their times")
  }
}
