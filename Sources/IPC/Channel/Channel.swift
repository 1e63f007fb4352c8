/// A one-way stream of messages over a mechanism: its two endpoints, in this process. Pass one to a process that you
/// start (``ChildProcess/spawn(_:arguments:_:)``), or keep both.
///
/// ```swift
/// var channel = try Channel<String>(over: .memory)
/// try channel.sender.send("hello")
/// let text = try channel.receiver.receive()
/// ```
///
/// ``ByteChannel`` is the same without a type.
@frozen public struct Channel<Element: Message>: ~Copyable, Sendable {
  /// The sending endpoint.
  public var sender: Sender<Element>
  /// The receiving endpoint.
  public var receiver: Receiver<Element>

  /// Makes a channel without a name.
  /// - Throws: `notSupported` if the mechanism has none, or can't do what the options ask for, or can't carry an
  ///   `Element`; `invalidAddress` for an option out of its range.
  public init(over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()) throws(ChannelError) {
    let options = try options.carrying(Element.self, mechanism)
    self.init(try ByteChannel(over: mechanism, options: options))
  }

  /// Opens both endpoints of the channel with this address. An address without a target (`pipe:`, `memory:`) makes a
  /// channel that only these two endpoints, and the processes that they are passed to, can reach.
  public init(at address: String) throws(ChannelError) { try self.init(at: Address(address)) }

  /// Opens both endpoints of the channel with this address.
  public init(at address: Address) throws(ChannelError) {
    self.init(try ByteChannel(at: try address.carrying(Element.self)))
  }

  private init(_ bytes: consuming ByteChannel) {
    sender = Sender(bytes.sender)
    receiver = Receiver(bytes.receiver)
  }
}

/// Two channels, one each way, between the same two processes: one process's endpoints.
///
/// ```swift
/// var pair = try Connection<Question, Answer>.pair(over: .unix)
/// let child = try ChildProcess.spawn(arguments: ["answers"]) {
///   try $0.pass(&pair.far.receiver, as: "questions")
///   try $0.pass(&pair.far.sender, as: "answers")
/// }
/// try pair.near.sender.send(question)
/// let answer = try pair.near.receiver.receive()
/// ```
@frozen public struct Connection<Sent: Message, Received: Message>: ~Copyable, Sendable {
  /// Sends to the other process.
  public var sender: Sender<Sent>
  /// Receives from the other process.
  public var receiver: Receiver<Received>

  /// A connection of two endpoints.
  public init(sender: consuming Sender<Sent>, receiver: consuming Receiver<Received>) {
    self.sender = sender
    self.receiver = receiver
  }

  /// Makes a connection: the endpoints of both processes.
  /// - Throws: as ``Channel/init(over:options:)``.
  public static func pair(
    over mechanism: Mechanism, options: ChannelOptions = ChannelOptions()
  ) throws(ChannelError) -> ConnectionPair<Sent, Received> {
    let there = try Channel<Sent>(over: mechanism, options: options)
    let back = try Channel<Received>(over: mechanism, options: options)
    return ConnectionPair(there, back)
  }
}

/// The endpoints of both processes of a connection: keep one pair, pass the other.
@frozen public struct ConnectionPair<Sent: Message, Received: Message>: ~Copyable, Sendable {
  /// This process's.
  public var near: Connection<Sent, Received>
  /// The other process's.
  public var far: Connection<Received, Sent>

  init(_ there: consuming Channel<Sent>, _ back: consuming Channel<Received>) {
    near = Connection(sender: there.sender, receiver: back.receiver)
    far = Connection(sender: back.sender, receiver: there.receiver)
  }
}
