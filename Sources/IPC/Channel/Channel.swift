/// A one-way stream of messages over a mechanism: its two endpoints, in this process. Pass one to a process that you
/// spawn (``Spawn``), or keep both.
///
/// ```swift
/// var channel = try Channel.open("fifo:/tmp/jobs")
/// try channel.sender.send("hello")
/// let text = try channel.receiver.receive(String.self)
/// ```
@frozen public struct Channel: ~Copyable, Sendable {
  /// The sending endpoint.
  public var sender: Sender
  /// The receiving endpoint.
  public var receiver: Receiver

  /// Opens both endpoints of the channel with this address. An address without a target (`pipe:`, `memory:`) makes a
  /// channel that only these two endpoints, and the processes that they are passed to, can reach.
  public static func open(_ address: String) throws(ChannelError) -> Channel {
    try open(Address(address))
  }

  /// Opens both endpoints of the channel with this address.
  public static func open(_ address: Address) throws(ChannelError) -> Channel {
    if address.target.isEmpty { return try make(over: address.mechanism, options: address.options) }
    let receiver = try Receiver.open(address)
    let sender = try Sender.open(address)
    return Channel(sender: sender, receiver: receiver)
  }

  /// Makes a channel without a name.
  /// - Throws: `notSupported` if the mechanism has none, or can't do what the options ask for.
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

/// Two channels, one each way, between the same two processes: this process's endpoints.
@frozen public struct Connection: ~Copyable, Sendable {
  /// Sends to the other process.
  public var sender: Sender
  /// Receives from the other process.
  public var receiver: Receiver

  package init(sender: consuming Sender, receiver: consuming Receiver) {
    self.sender = sender
    self.receiver = receiver
  }

  /// Makes a connection: the endpoints of both processes.
  public static func make(
    over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()
  ) throws(ChannelError) -> ConnectionPair {
    let there = try Channel.make(over: mechanism, options: options)
    let back = try Channel.make(over: mechanism, options: options)
    return ConnectionPair(there, back)
  }
}

/// The endpoints of both processes of a connection: keep one pair, pass the other.
@frozen public struct ConnectionPair: ~Copyable, Sendable {
  /// This process's.
  public var near: Connection
  /// The other process's.
  public var far: Connection

  package init(_ there: consuming Channel, _ back: consuming Channel) {
    near = Connection(sender: there.sender, receiver: back.receiver)
    far = Connection(sender: back.sender, receiver: there.receiver)
  }
}
