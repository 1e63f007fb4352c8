/// The untyped core of a ``Channel``: its two endpoints, in this process. Messages are bytes.
@frozen public struct ByteChannel: ~Copyable, Sendable {
  /// The sending endpoint.
  public var sender: ByteSender
  /// The receiving endpoint.
  public var receiver: ByteReceiver

  /// Makes a channel without a name.
  /// - Throws: `notSupported` if the mechanism has none, or can't do what the options ask for.
  public init(over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()) throws(ChannelError) {
    let pair = try Catalogue.implementation(of: mechanism, options).pair(options)
    self.init(sender: ByteSender(pair.sender), receiver: ByteReceiver(pair.receiver))
  }

  /// Opens both endpoints of the channel with this address. An address without a target (`pipe:`, `memory:`) makes a
  /// channel that only these two endpoints, and the processes that they are passed to, can reach.
  public init(at address: String) throws(ChannelError) { try self.init(at: Address(address)) }

  /// Opens both endpoints of the channel with this address.
  public init(at address: Address) throws(ChannelError) {
    if address.target.isEmpty {
      try self.init(over: address.mechanism, options: address.options)
    } else {
      let receiver = try ByteReceiver(at: address)
      self.init(sender: try ByteSender(to: address), receiver: receiver)
    }
  }

  package init(sender: consuming ByteSender, receiver: consuming ByteReceiver) {
    self.sender = sender
    self.receiver = receiver
  }
}

/// The untyped core of a ``Connection``.
@frozen public struct ByteConnection: ~Copyable, Sendable {
  /// Sends to the other process.
  public var sender: ByteSender
  /// Receives from the other process.
  public var receiver: ByteReceiver

  /// A connection of two endpoints.
  public init(sender: consuming ByteSender, receiver: consuming ByteReceiver) {
    self.sender = sender
    self.receiver = receiver
  }

  /// The endpoints of both processes of a new connection.
  @frozen public struct Pair: ~Copyable, Sendable {
    /// This process's.
    public var near: ByteConnection
    /// The other process's.
    public var far: ByteConnection

    /// Makes a connection.
    public init(over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()) throws(ChannelError) {
      let there = try ByteChannel(over: mechanism, options: options)
      let back = try ByteChannel(over: mechanism, options: options)
      near = ByteConnection(sender: there.sender, receiver: back.receiver)
      far = ByteConnection(sender: back.sender, receiver: there.receiver)
    }
  }
}
