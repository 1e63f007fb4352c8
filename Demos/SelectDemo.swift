import ConcurrencyModels
import Glibc
import IPC

/// A select over channels of any kind: to other processes, over mechanisms that poll(2) sees and others that it doesn't,
/// and between tasks. Its own trait: it waits for all of them at once, with one task, and takes part in exactly one; what it
/// didn't choose hasn't happened.
enum SelectDemo: Demo {
  static let name = "select"
  static let summary = "one task that waits for a pipe, a queue, a semaphore, memory and a timer at once"

  private static let mechanisms: [Mechanism] = [.pipe, .queue, .semaphore, .memory]

  static func run() throws {
    try EventLoop().run { try await conversation() }
  }

  private static func conversation() async throws {
    // A clock each: processes that send a line now and then, each over another mechanism.
    var clocks: [AsyncReceiver] = []
    var children: [Child] = []
    for (number, mechanism) in mechanisms.enumerated() {
      let channel = try Channel.make(over: mechanism)
      clocks.append(AsyncReceiver(channel.receiver))
      var spawn = Spawn(arguments: arguments("\(15 + 10 * number)"))
      try spawn.pass(channel.sender, as: "ticks")
      children.append(Child(try spawn.start()))
    }
    let tasks = LocalChannel<Int>()
    let counting = Task { for number in 1...3 { try await tasks.send(number) } }

    var open = Set(clocks.indices)
    while !open.isEmpty {
      try await select {
        for index in open {
          Receive(String.self, from: clocks[index]) { text in
            if let text {
              say("select", "\(mechanisms[index]): \(text)")
            } else {
              say("select", "\(mechanisms[index]): its process has ended")
              open.remove(index)
            }
          }
        }
        Receive(tasks) { number in say("select", "a task of this process: \(number ?? 0)") }
        After(.milliseconds(20)) { say("select", "nothing for 20 ms") }
      }
    }
    try await counting.value

    // Sending is a case as well: whoever has room first gets it.
    let full = try Channel.open("semaphore:?type=tokens")
    let sender = AsyncSender(full.sender)
    try await select {
      Send(Token(), to: sender) { say("select", "a token had room in a semaphore") }
      After(.seconds(1)) { say("select", "no room for a second") }
    }
    for child in children { child.end() }
  }

  /// Keeps a child in an array.
  private final class Child {
    private var process: ChildProcess
    init(_ process: consuming ChildProcess) { self.process = process }
    func end() { _ = try? process.wait() }
  }

  static func other(_ pause: String) throws {
    var ticks = try Sender.inherited("ticks")
    for tick in 1...3 {
      usleep((UInt32(pause) ?? 10) * 1000)
      try ticks.send("tick \(tick), \(pause) ms apart")
    }
  }
}
