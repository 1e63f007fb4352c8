import IPC

/// A System V message queue (sysvipc(7)): the kernel stores messages, each with a type.
///
/// What a queue adds: a receiver can take the messages of one type and leave the others; and messages stay in the kernel
/// when every process that used the queue has ended.
enum QueueDemo: Demo {
  static let name = "queue"
  static let summary = "messages with types, stored by the kernel until a process takes them"

  private enum Kind {
    static let order = 1, urgent = 2
  }

  static func run() throws {
    let queue = try MessageQueue.create()
    say("waiter", "msgget(2) made queue \(queue.id); starts a process and gives it that id")
    var spawn = Spawn(arguments: arguments("\(queue.id)"))
    spawn.inheritsOutput = true
    var child = try spawn.start()
    _ = try child.wait()

    say("waiter", "that process has ended; the kernel still has its \(try queue.count) messages")
    let first = try queue.receive(type: Kind.urgent)
    say("waiter", "asks for type \(Kind.urgent) and gets \"\(first.text)\", which was sent last")
    while let next = try queue.tryReceive(type: Kind.order) {
      say("waiter", "asks for type \(Kind.order) and gets \"\(next.text)\"")
    }

    try queue.send("tea", type: Kind.order)
    say("waiter", "sends one more message; without msgctl(2), IPC_RMID, it would stay until the next reboot")
    let again = try MessageQueue.open(id: queue.id)
    say("waiter", "the next process that opens queue \(again.id) finds \"\(try again.receive().text)\"")
    try queue.remove()
    say("waiter", "removes the queue: ipcs -q no longer lists it")

    // A channel over a queue begins empty, and its queue is removed with the last endpoint.
    var channel = try ByteChannel(over: .queue)
    try channel.sender.send("whole, in order, once")
    say("waiter", "receives over a channel: \"\(try channel.receiver.receive(String.self))\"")
  }

  static func other(_ id: String) throws {
    let queue = try MessageQueue.open(id: Int32(id) ?? -1)
    for (text, type) in [
      ("soup", Kind.order), ("bread", Kind.order), ("the kitchen is on fire", Kind.urgent),
    ] {
      say("  guest", "sends \"\(text)\" as type \(type)")
      try queue.send(text, type: type)
    }
    say("  guest", "ends without waiting for the messages to be taken")
  }
}
