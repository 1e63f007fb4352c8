import Glibc
import IPC

/// A System V message queue (sysvipc(7)): the kernel stores messages, each with a type.
///
/// What a queue adds: a receiver can take the messages of one type and leave the others; and messages stay in the kernel
/// when every process that used the queue has ended. A sender waits while the queue has as many bytes as it may have
/// (msg_qbytes).
enum QueueDemo: Demo {
  static let name = "queue"
  static let summary =
    "messages with types, stored by the kernel until a process takes them or removes the queue"

  private static let limit = Duration.seconds(10)

  private enum Kind {
    static let urgent = 1, order = 2, bill = 3
  }

  static func run() throws {
    let queue = try MessageQueue.create()
    let id = queue.id
    // Without this it would stay until the next reboot.
    try cleaningUp({ _ = msgctl(id, IPC_RMID, nil) }) {
      say("waiter", "msgget(2) made queue \(id); \(try listing(id))")
      try takeByType(queue)
      try fill(queue)
      say("waiter", "msgctl(2), IPC_RMID, removes queue \(id)")
    }
    say("waiter", try listing(id))

    // A channel over a queue begins empty, and its queue is removed with the last endpoint.
    var channel = try Channel<String>(over: .queue)
    try channel.sender.send("whole, in order, once")
    say("waiter", "a channel over a queue of its own: \"\(try channel.receiver.receive(within: limit))\"")
  }

  static func other(_ role: String) throws {
    let parts = role.split(separator: "-")
    guard parts.count == 2, let id = Int32(parts[1]) else { return }
    do {
      let queue = try MessageQueue.open(id: id)
      if parts[0] == "guest" { try order(queue) } else { try sendIntoFull(queue) }
    } catch let error as ChannelError where error.errno == EIDRM || error.errno == EINVAL {
      // The parent was interrupted, and has removed the queue.
    }
  }

  // MARK: Types

  private static func takeByType(_ queue: borrowing MessageQueue) throws {
    var child = try ChildProcess.spawn(arguments: arguments("guest-\(queue.id)"))
    let exit = try end(&child)
    say("waiter", "process \(child.id) has ended (\(exit)), and its messages stay; \(try listing(queue.id))")

    say("waiter", "msgrcv(2), type \(Kind.bill): \(try take(queue, Kind.bill)): the messages before it stay")
    say("waiter", "msgrcv(2), type \(Kind.bill), IPC_NOWAIT: \(refusalToReceive(queue.id, Kind.bill))")
    say(
      "waiter",
      "msgrcv(2), type -\(Kind.order): \(try take(queue, -Kind.order)): of the types up to \(Kind.order), the lowest first"
    )
    say("waiter", "msgrcv(2), type 0: \(try take(queue, 0)): the oldest of any type")
    say("waiter", "msgrcv(2), type 0: \(try take(queue, 0))")
    say("waiter", "msgrcv(2), type 0, IPC_NOWAIT: \(refusalToReceive(queue.id, 0))")
  }

  private static func order(_ queue: borrowing MessageQueue) throws {
    for (text, type) in [
      ("soup", Kind.order), ("bread", Kind.order), ("the bill, please", Kind.bill),
      ("the kitchen is on fire", Kind.urgent),
    ] {
      say("  guest", "msgsnd(2), type \(type): \"\(text)\"")
      try queue.send(text, type: type)
    }
  }

  private static func take(_ queue: borrowing MessageQueue, _ type: Int) throws -> String {
    guard let entry = try queue.tryReceive(type: type) else { return "nothing" }
    return "\"\(entry.text)\" of type \(entry.type)"
  }

  // MARK: A full queue

  private static func fill(_ queue: borrowing MessageQueue) throws {
    let id = queue.id
    var status = msqid_ds()
    guard unsafe msgctl(id, IPC_STAT, &status) == 0 else { throw CallFailure("msgctl(2)") }
    // A type, and 1024 bytes of text.
    let message = [Int](repeating: Kind.order, count: 1 + 1024 / MemoryLayout<Int>.size)
    var count = 0
    while unsafe msgsnd(id, message, 1024, Int32(IPC_NOWAIT)) == 0 { count += 1 }
    let error = errno
    say(
      "waiter",
      "msgsnd(2), IPC_NOWAIT: \(count) messages of 1024 bytes, then \(named(error)): msg_qbytes is \(status.msg_qbytes)"
    )

    var ready = try Channel<String>(over: .pipe)
    var child = try ChildProcess.spawn(arguments: arguments("late-\(id)")) {
      try $0.pass(&ready.sender, as: "ready")
    }
    _ = try ready.receiver.receive(within: limit)
    let early = try child.wait(within: .milliseconds(50))
    say(
      "waiter",
      early.map { "process \(child.id) ended with \($0)" } ?? "50 ms later process \(child.id) still waits")
    say("waiter", "msgrcv(2) takes one message, which makes room")
    _ = try queue.tryReceive()
    _ = try end(&child)
  }

  private static func sendIntoFull(_ queue: borrowing MessageQueue) throws {
    var ready = try Sender<String>(inherited: "ready")
    say("  guest", "msgsnd(2) into the full queue: waits")
    try ready.send("ready")
    try queue.send([UInt8](repeating: 0, count: 1024), type: Kind.order)
    say("  guest", "msgsnd(2) has returned")
  }

  // MARK: Below the library

  /// Calls msgrcv(2) for a message that isn't there.
  private static func refusalToReceive(_ id: Int32, _ type: Int) -> String {
    var message = [Int](repeating: 0, count: 128)
    let count = unsafe msgrcv(id, &message, 127 * MemoryLayout<Int>.size, type, Int32(IPC_NOWAIT))
    return count >= 0 ? "\(count) bytes" : named(errno)
  }

  private static func named(_ error: Int32) -> String {
    let name = error == ENOMSG ? "ENOMSG" : error == EAGAIN ? "EAGAIN" : "errno \(error)"
    return unsafe "\(name) (\(String(cString: strerror(error))))"
  }

  /// The line of `ipcs -q` about this queue; where ipcs(1) isn't installed, that of /proc/sysvipc/msg, which ipcs reads.
  private static func listing(_ id: Int32) throws -> String {
    var lines = try Receiver<String>(at: "popen:exec 2>/dev/null; LC_ALL=C ipcs -q || cat /proc/sysvipc/msg")
    var heading: [Substring] = []
    while let line = try lines.next() {
      let fields = line.split(separator: " ")
      guard let column = heading.firstIndex(of: "msqid") else {
        heading = fields
        continue
      }
      guard fields.indices.contains(column), fields[column] == "\(id)" else { continue }
      let columns = ["messages", "qnum", "used-bytes", "cbytes"].compactMap {
        heading.firstIndex(of: $0[...])
      }
      return "ipcs -q lists it: " + columns.map { "\(fields[$0]) \(heading[$0])" }.joined(separator: ", ")
    }
    return "ipcs -q doesn't list queue \(id)"
  }

  /// Waits for a child's end; one that doesn't end is killed.
  private static func end(_ child: inout ChildProcess) throws -> ChildProcess.Exit {
    if let exit = try child.wait(within: limit) { return exit }
    child.kill()
    return try child.wait()
  }
}
