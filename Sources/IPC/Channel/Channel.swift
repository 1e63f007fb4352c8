/// A one-way stream of messages over a mechanism: its two ends, in this process. Hand one over to a process that
/// you spawn (``Spawn``), or keep both.
///
/// ```swift
/// var channel = try Channel.open("fifo:/tmp/jobs")
/// try channel.sender.send("hello")
/// let text = try channel.receiver.receive(String.self)
/// ```
@frozen public struct Channel: ~Copyable, Sendable {
  /// The end that sends.
  public var sender: Sender
  /// The end that receives.
  public var receiver: Receiver

  /// Both ends of the channel with this address. An address without a place (`pipe:`, `memory:`) makes a channel
  /// that only these two ends, and the processes that they are handed to, can reach.
  public static func open(_ address: String) throws(ChannelError) -> Channel {
    try open(Address(address))
  }

  /// Both ends of the channel with this address.
  public static func open(_ address: Address) throws(ChannelError) -> Channel {
    if address.target.isEmpty { return try make(over: address.mechanism, options: address.options) }
    let receiver = try Receiver.open(address)
    let sender = try Sender.open(address)
    return Channel(sender: sender, receiver: receiver)
  }

  /// A channel without a name.
  /// - Throws: `notSupported` where the mechanism has none, or the options ask for what it can't do.
  public static func make(
    over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()
  ) throws(ChannelError) -> Channel {
    let pair = try Catalogue.implementation(of: mechanism).pair(options)
    return Channel(sender: Sender(pair.sender), receiver: Receiver(pair.receiver))
  }

  package init(sender: consuming Sender, receiver: consuming Receiver) {
    self.sender = sender
    self.receiver = receiver
  }
}

/// Two channels, one each way, between the same two processes: this process's ends.
@frozen public struct Connection: ~Copyable, Sendable {
  /// What this process sends.
  public var sender: Sender
  /// What it receives.
  public var receiver: Receiver

  package init(sender: consuming Sender, receiver: consuming Receiver) {
    self.sender = sender
    self.receiver = receiver
  }

  /// Both sides of a new connection, in this process.
  public static func make(
    over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()
  ) throws(ChannelError) -> ConnectionPair {
    let there = try Channel.make(over: mechanism, options: options)
    let back = try Channel.make(over: mechanism, options: options)
    return ConnectionPair(there, back)
  }
}

/// The two sides of a connection: keep one, hand the other over.
@frozen public struct ConnectionPair: ~Copyable, Sendable {
  /// One side.
  public var near: Connection
  /// The other.
  public var far: Connection

  package init(_ there: consuming Channel, _ back: consuming Channel) {
    near = Connection(sender: there.sender, receiver: back.receiver)
    far = Connection(sender: back.sender, receiver: there.receiver)
  }
}
