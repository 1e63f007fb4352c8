import IPC
import SystemCalls

/// A child of this process, that has had one end of a channel of which this process has the other.
struct Family: ~Copyable {
  private let child: ChildProcess
  private let receiver: Receiver
  private let orders: Sender
  private let report: Receiver

  /// Starts the child, and has it close its end.
  static func founded(over mechanism: String) throws(ChannelError) -> Family {
    let channel = try Channel.make(over: Mechanism(named: mechanism))
    let down = try Channel.make(over: .pipe)
    let up = try Channel.make(over: .pipe)
    var orders = down.sender
    var report = up.receiver
    var spawn = Spawn()
    try spawn.give(channel.sender, as: "end")
    try spawn.give(down.receiver, as: "orders")
    try spawn.give(up.sender, as: "report")
    let receiver = channel.receiver
    let child = try spawn.start()
    for order in ["inherit sender end", "close"] {
      try orders.send(order)
      let answer = try report.receive(String.self)
      guard answer == "ok" else { throw .invalid(answer) }
    }
    return Family(child: child, receiver: receiver, orders: orders, report: report)
  }

  var childID: Int32 { child.id }
}
