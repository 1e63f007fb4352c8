import ConcurrencyModels
import Glibc

/// A scheduler as in Go: tasks (G), threads (M) and processors (P). A thread needs a processor to run tasks.
///
/// What the scheduler adds: when a task enters a call that blocks, it keeps its thread and gives up its processor, with
/// which another thread runs the other tasks. Here six tasks compute and three block in usleep(3); each line is a sample
/// of what the processors and threads do.
enum SchedulerDemo: Demo {
  static let name = "scheduler"
  static let summary = "tasks, threads and processors, and what happens to a processor when its task blocks"

  static func run() throws {
    let scheduler = Scheduler(processors: 2)
    let watch = Stopwatch()
    let done = LocalChannel<String>(capacity: 16)

    for number in 1...6 {
      Task(executorPreference: scheduler) {
        for _ in 0..<10 {
          compute(milliseconds: 1)
          await Task.yield()
        }
        try await done.send("computed \(number)")
      }
    }
    for number in 1...3 {
      Task(executorPreference: scheduler) {
        await scheduler.blocking { _ = usleep(12_000) }
        try await done.send("slept \(number)")
      }
    }

    for line in legend { say("scheduler", line) }
    say("scheduler", "  ms  P0         P1         threads: run look park block   global queue")
    var ended: [String] = []
    while ended.count < 9 {
      let now = scheduler.snapshot
      let columns = now.processors.map { processor in
        pad("\(mark(processor.state)) \(bar(processor.waiting))", 11)
      }
      say(
        "scheduler",
        "\(left(watch.milliseconds, 4))  \(columns.joined())         \(left(now.running, 3))  \(left(now.spinning, 3))  \(left(now.parked, 3))   \(left(now.blocked, 3))   \(bar(now.waiting))"
      )
      usleep(4_000)
      while case .value(let what) = done.tryReceive() { ended.append(what) }
    }
    scheduler.close()
    say("scheduler", "the tasks ended in this order: \(ended.joined(separator: ", "))")
  }

  private static let legend = [
    "a task is a function that can stop and continue, so that few threads run many of them;",
    "a thread needs a processor to run tasks: with 2 processors, 2 tasks run at once;",
    "here 6 tasks compute for 10 ms each, and 3 block in usleep(3) for 12 ms;",
    "each line of the table is a sample of them:",
    "ms            the milliseconds since the start",
    "P0, P1        the processors: ▶ a thread runs tasks with it, · no thread has it,",
    "              ◌ its thread is in a call that blocks, so another thread may take it;",
    "              each ▪ is a task in its queue, ready to run (9 are drawn at most)",
    "run           how many threads run a task",
    "look          how many threads look for a task: in the queues, also in the other processor's",
    "park          how many threads sleep until there is a task, futex(2)",
    "block         how many threads are in a call that blocks: each keeps its task and gives up its processor",
    "global queue  tasks that are ready to run on any processor",
  ]

  private static func compute(milliseconds: UInt64) {
    let watch = Stopwatch()
    while watch.milliseconds < milliseconds {}
  }

  private static func mark(_ state: SchedulerSnapshot.Processor.State) -> String {
    switch state {
    case .running: "▶"
    case .inSystemCall: "◌"
    case .idle: "·"
    }
  }

  private static func bar(_ count: Int) -> String { String(repeating: "▪", count: min(count, 9)) }
  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
  private static func left(_ number: some BinaryInteger, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
