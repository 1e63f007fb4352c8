import IPC
import SystemCalls

/// A child of this process to which a sender was passed.
struct Family: ~Copyable {
  private let child: ChildProcess
  /// The receiver, if this process has it.
  private let receiver: ByteReceiver?
  private let orders: ByteSender
  private let report: ByteReceiver

  /// Starts a child that closes its sender; this process has the receiver.
  static func founded(over mechanism: String) throws(ChannelError) -> Family {
    let channel = try ByteChannel(over: Mechanism(named: mechanism))
    return try make(channel.sender, channel.receiver, ["close"])
  }

  /// Starts a child that sends so many messages and closes its sender; another process has the receiver.
  static func passing(_ sender: consuming ByteSender, _ count: Int) throws(ChannelError) -> Family {
    try make(sender, nil, ["flood 1 \(count) 4", "close"])
  }

  private static func make(
    _ sender: consuming ByteSender, _ receiver: consuming ByteReceiver?, _ words: [String]
  ) throws(ChannelError) -> Family {
    var down = try ByteChannel(over: .pipe)
    var up = try ByteChannel(over: .pipe)
    var spawn = Spawn()
    var sender = sender
    try spawn.pass(&sender, as: "end")
    try spawn.pass(&down.receiver, as: "orders")
    try spawn.pass(&up.sender, as: "report")
    let child = try spawn.start()
    var orders = down.sender
    var report = up.receiver
    for order in ["inherit sender end"] + words {
      try orders.send(order)
      let answer = try report.receive(String.self)
      guard answer == "ok" else { throw .invalid(answer) }
    }
    return Family(child: child, receiver: receiver, orders: orders, report: report)
  }

  var childID: Int32 { child.id }
}
