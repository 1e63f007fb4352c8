import ConcurrencyModels
import Glibc
import IPC

/// A select over channels of every kind: between tasks, and between processes, over mechanisms with and without a
/// descriptor for poll(2).
///
/// What select adds: one task waits for all of them at once, and completes exactly one case; the others have sent and
/// taken nothing.
enum SelectDemo: Demo {
  static let name = "select"
  static let summary = "one task that waits for a pipe, a queue, a semaphore, memory and a timer at once"

  private static let mechanisms: [Mechanism] = [.pipe, .queue, .semaphore, .memory]

  static func run() throws {
    try EventLoop().run { try await conversation() }
  }

  private static func conversation() async throws {
    // Each child sends a line every few milliseconds, over a mechanism of its own.
    var clocks: [SharedReceiver<String>] = []
    var children: [Child] = []
    for (number, mechanism) in mechanisms.enumerated() {
      var channel = try Channel<String>(over: mechanism)
      clocks.append(channel.receiver.shared())
      children.append(
        Child(
          try ChildProcess.spawn(arguments: arguments("\(15 + 10 * number)")) {
            try $0.pass(&channel.sender, as: "ticks")
          }))
    }
    let tasks = LocalChannel<Int>()
    let counting = Task { for number in 1...3 { try await tasks.send(number) } }

    var open = Set(clocks.indices)
    while !open.isEmpty {
      try await select {
        for index in open {
          Receive(clocks[index]) { text in
            if let text {
              say("select", "\(mechanisms[index]): \(text)")
            } else {
              say("select", "\(mechanisms[index]): its process has ended")
              open.remove(index)
            }
          }
        }
        Receive(tasks) { number in say("select", "number \(number ?? 0) from a task of this process") }
        After(.milliseconds(20)) { say("select", "no case was ready for 20 ms") }
      }
    }
    try await counting.value

    // A send is a case too: it completes when its channel has room.
    var counter = try Channel<Token>(at: "semaphore:?type=tokens")
    let sender = counter.sender.shared()
    try await select {
      Send(Token(), to: sender) {
        say("select", "a send can be a case too: it added 1 to a semaphore, semop(2), which had room")
      }
      After(.seconds(1)) { say("select", "the semaphore had no room for 1 s") }
    }
    for child in children { child.end() }
  }

  /// Holds a child, which is noncopyable, for an array.
  private final class Child {
    private var process: ChildProcess
    init(_ process: consuming ChildProcess) { self.process = process }
    func end() { _ = try? process.wait() }
  }

  static func other(_ pause: String) throws {
    var ticks = try Sender<String>(inherited: "ticks")
    for tick in 1...3 {
      usleep((UInt32(pause) ?? 10) * 1000)
      try ticks.send("tick \(tick), \(pause) ms apart")
    }
  }
}
