import IPC

/// A System V message queue: the kernel keeps messages, each with a type. Its own traits: a receiver can ask for
/// one type and leave the others; and what nobody took stays, over the death of everybody who knew the queue.
enum QueueDemo: Demo {
  static let name = "queue"
  static let summary = "messages with types, kept by the kernel until somebody takes them"

  private enum Kind {
    static let order = 1, urgent = 2
  }

  static func run() throws {
    let queue = try MessageQueue.create()
    say("waiter", "msgget(2) made queue \(queue.id); starts a process that knows its number")
    var spawn = Spawn(arguments: arguments("\(queue.id)"))
    spawn.inheritsOutput = true
    var child = try spawn.start()
    _ = try child.wait()

    say("waiter", "that process is gone. Its \(try queue.count) messages are not: the kernel has them")
    let first = try queue.receive(type: Kind.urgent)
    say("waiter", "asks for type \(Kind.urgent) and gets \"\(first.text)\", which was sent last")
    while let next = try queue.tryReceive(type: Kind.order) {
      say("waiter", "asks for type \(Kind.order) and gets \"\(next.text)\"")
    }

    try queue.send("an order of yesterday", type: Kind.order)
    say("waiter", "leaves one message. Without msgctl(2) IPC_RMID it would stay until the machine goes down:")
    let again = try MessageQueue.open(id: queue.id)
    say("waiter", "whoever opens queue \(again.id) next, finds \"\(try again.receive().text)\"")
    try queue.remove()
    say("waiter", "removed the queue: ipcs -q lists it no more")

    // A channel over a queue has none of these surprises: it begins empty and goes with its last user.
    var channel = try Channel.make(over: .queue)
    try channel.sender.send("whole, in order, once")
    say("waiter", "and over a channel: \"\(try channel.receiver.receive(String.self))\"")
  }

  static func other(_ id: String) throws {
    let queue = try MessageQueue.open(id: Int32(id) ?? -1)
    for (text, type) in [
      ("soup", Kind.order), ("bread", Kind.order), ("the kitchen is on fire", Kind.urgent),
    ] {
      say("  guest", "sends \"\(text)\" as type \(type)")
      try queue.send(text, type: type)
    }
    say("  guest", "leaves without waiting for anything")
  }
}
