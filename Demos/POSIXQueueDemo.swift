import Glibc
import IPC

/// A POSIX message queue (mq_overview(7)): messages with a priority, and a name.
///
/// What it adds to a System V queue: the highest priority comes first, whoever sent first; the queue's number is a
/// descriptor, which poll(2) can wait for; the name is a file's, in /dev/mqueue where that is mounted.
enum POSIXQueueDemo: Demo {
  static let name = "posix-queue"
  static let summary = "messages with priorities: the highest comes first"

  static func run() throws {
    let name = "/ipc-demo-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let queue = try PriorityQueue.create(name, capacity: 4, largestMessage: 64)
    // Removed whatever happens from here on.
    defer { try? queue.remove() }
    say(
      "parent",
      "mq_open(3) made \(name): \(queue.capacity) messages of at most \(queue.largestMessage) bytes (mq_getattr(3))"
    )

    for (text, priority) in [("ordinary", 1), ("urgent", 9), ("soon", 5)] as [(String, UInt32)] {
      _ = try queue.trySend(text, priority: priority)
      say("parent", "mq_send(3) \"\(text)\" with priority \(priority)")
    }
    var child = try ChildProcess.spawn(arguments: arguments(name))
    _ = try child.wait()

    var sent = 0
    while try queue.trySend("filler", priority: 0) { sent += 1 }
    say("parent", "the queue is full after \(sent) messages: the next mq_send(3) fails with EAGAIN, or waits")
    say("parent", "mq_unlink(3) removes the name; until then the queue would outlive both processes")

    // A channel over it: messages of any size, in order, and the end is reported.
    var channel = try Channel<String>(at: "posix-queue:")
    try channel.sender.send("through a channel")
    try channel.sender.close()
    while let text = try channel.receiver.next() { say("parent", "got \"\(text)\" over posix-queue:") }
  }

  static func other(_ name: String) throws {
    let queue = try PriorityQueue.open(name)
    while let entry = try queue.tryReceive() {
      say("  child", "mq_receive(3) got \"\(entry.text)\" with priority \(entry.priority)")
    }
    say("  child", "the highest priority came first, not the first that was sent")
  }
}
