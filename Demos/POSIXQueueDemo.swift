import Glibc
import IPC

/// A POSIX message queue (mq_overview(7)): messages with a priority, and a name.
///
/// What it adds to a System V queue: the highest priority comes first, whichever was sent first; the queue's number is a
/// descriptor, which poll(2) can wait for; the name is a file's, in /dev/mqueue where that is mounted.
enum POSIXQueueDemo: Demo {
  static let name = "posix-queue"
  static let summary = "messages with priorities: the highest comes first"

  static func run() throws {
    let name = "/ipc-demo-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let queue = try PriorityQueue.create(name, capacity: 4, largestMessage: 64)
    // Removed whatever happens from here on, also by Ctrl-C.
    try cleaningUp({ try? PriorityQueue.open(name).remove() }) { try fillAndEmpty(queue) }
    do {
      _ = try PriorityQueue.open(name)
    } catch {
      say("parent", "mq_unlink(3) removed the name; mq_open(3) of it fails: \(error.message)")
    }

    // A channel over it: messages of any size, in order, and the end is reported.
    var channel = try Channel<String>(at: "posix-queue:")
    try channel.sender.send("whole, in order, once")
    try channel.sender.close()
    while let text = try channel.receiver.next() {
      say("parent", "a channel over a queue of its own: \"\(text)\"")
    }
  }

  private static func fillAndEmpty(_ queue: borrowing PriorityQueue) throws {
    let name = queue.name
    say(
      "parent",
      "mq_open(3) made \(name): \(queue.capacity) messages of at most \(queue.largestMessage) bytes (mq_getattr(3))"
    )

    say("parent", inFileSystem(name))
    for (text, priority) in [("ordinary", 1), ("urgent", 9), ("soon", 5)] as [(String, UInt32)] {
      _ = try queue.trySend(text, priority: priority)
      say("parent", "mq_send(3) \"\(text)\" with priority \(priority)")
    }
    var child = try ChildProcess.spawn(arguments: arguments(name))
    _ = try child.wait()

    var sent = 0
    while try queue.trySend("filler", priority: 0) { sent += 1 }
    say("parent", "mq_send(3) with O_NONBLOCK: \(sent) messages, then EAGAIN: the queue is full")
  }

  /// The names of the queues are files where the file system mqueue is mounted.
  private static func inFileSystem(_ name: String) -> String {
    let folder = "/dev/mqueue"
    guard unsafe access(folder, F_OK) == 0 else {
      return "\(folder) isn't mounted here, so ls(1) can't list queues"
    }
    return "ls \(folder) \(unsafe access(folder + name, F_OK) == 0 ? "lists it" : "doesn't list it")"
  }

  static func other(_ name: String) throws {
    let queue = try PriorityQueue.open(name)
    while let entry = try queue.tryReceive() {
      say("  child", "mq_receive(3) got \"\(entry.text)\" with priority \(entry.priority)")
    }
    say("  child", "the highest priority came first, not the first that was sent")
  }
}
