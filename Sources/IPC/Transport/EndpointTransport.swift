/// What a mechanism puts behind a ``Sender``. One owner calls it, one call at a time.
///
/// A deadline of `.now` means: try, and don't wait.
@usableFromInline package protocol SenderTransport: AnyObject {
  var mechanism: Mechanism { get }
  var options: ChannelOptions { get }
  /// Bytes given to the mechanism so far, framing included.
  var bytesCarried: Int { get }
  /// Whether small messages stay in the endpoint's buffer until it is full, flushed, or the process waits.
  var coalesces: Bool { get set }

  /// Whether another process can get a sender into the same channel.
  var admitsMoreSenders: Bool { get }

  /// What a send with a deadline asks now and then while it waits: true ends it, as its deadline does. Nil: it asks nothing.
  var givesUp: (() -> Bool)? { get set }

  /// Returns false if the deadline passes; nothing is sent then.
  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool
  /// Returns room for a message of at most `capacity` bytes, in place where the mechanism can; nil if the deadline
  /// passes.
  func reserve(_ capacity: Int, until deadline: Deadline) throws(ChannelError)
    -> UnsafeMutableRawBufferPointer?
  /// Whether the reserved room is where the receiver reads it, and holds bytes of earlier messages.
  var reservesSharedMemory: Bool { get }
  /// Sends the first `count` reserved bytes. Returns false if the deadline passes; nothing is sent then.
  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool
  /// Returns false if the deadline passes before everything is written.
  func flush(until deadline: Deadline) throws(ChannelError) -> Bool
  /// How to wait for room without a thread.
  var readiness: Readiness { get }
  /// For a channel that poll(2) can't see: waits until a message of `count` bytes may find room, or the channel is
  /// closed. Takes nothing. Returns false if the deadline passes. Another thread may close the endpoint meanwhile.
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool
  /// The largest message that goes at once or not at all; a larger one may begin to go and then wait.
  var atomicMessageBytes: Int { get }
  /// Lets go of everything. Further calls do nothing.
  func close()
  /// Forgets the messages that the buffer holds, so that ``close()`` has nothing to wait for.
  func discard()

  /// What a child process needs to take this endpoint over.
  func transfer() throws(ChannelError) -> EndpointTransfer
  /// The child has been spawned with the ``transfer()``: closes this process's copies without ending the channel.
  /// - Returns: what this process keeps until the child has ended.
  func finishTransfer() -> AnyObject?

  /// The kernel's objects behind it, for a trace, the one that carries the messages first: `fd:5`, `queue:3`, `semaphores:7`,
  /// `segment:2`; and `memory:ADDRESS+BYTES`, where memory that it shares lies in this process.
  var objects: [String] { get }
  /// The number of this sender in the headers of its frames; 0: it has none.
  var numberInFrames: UInt32 { get }
  /// The endpoint's number in a trace, for events that the transport records by itself.
  var traceNumber: Int32 { get set }
}

/// What a mechanism puts behind a ``Receiver``. One owner calls it, one call at a time.
@usableFromInline package protocol ReceiverTransport: AnyObject {
  var mechanism: Mechanism { get }
  var options: ChannelOptions { get }
  /// Bytes taken from the mechanism so far, framing included.
  var bytesCarried: Int { get }

  /// Whether the message taken last lies where the sender can still change it.
  var lendsSharedMemory: Bool { get }

  /// Returns the next message, in place, readable until ``release()``; nil if the deadline passes, and then nothing
  /// is taken.
  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer?
  /// The caller has read the message taken last.
  func release()
  /// How to wait for a message without a thread.
  var readiness: Readiness { get }
  /// For a channel that poll(2) can't see: waits until there may be a message, or the channel is closed. Takes
  /// nothing. Returns false if the deadline passes. Another thread may close the endpoint meanwhile.
  func waitUntilReady(until deadline: Deadline) -> Bool
  /// Lets go of everything. Further calls do nothing.
  func close()

  /// What a child process needs to take this endpoint over.
  func transfer() throws(ChannelError) -> EndpointTransfer
  /// The child has been spawned with the ``transfer()``: closes this process's copies without ending the channel.
  /// - Returns: what this process keeps until the child has ended.
  func finishTransfer() -> AnyObject?

  /// As of a ``SenderTransport``.
  var objects: [String] { get }
  var traceNumber: Int32 { get set }
  /// The number of the sender of the message taken last; 0: its frames have none.
  var senderOfLastMessage: UInt32 { get }
}

extension SenderTransport {
  /// Sends a message however long it takes.
  /// - Parameter givesUp: asked now and then while the call waits; true ends it.
  /// - Returns: false if the deadline passes or `givesUp` says so; nothing is sent then.
  package func send(
    _ bytes: [UInt8], until deadline: Deadline, unless givesUp: @escaping () -> Bool
  ) throws(ChannelError) -> Bool {
    self.givesUp = givesUp
    defer { self.givesUp = nil }
    // A call without any deadline sleeps in the kernel, and asks nothing.
    let limit = min(deadline, .within(.seconds(1_000_000_000)))
    return unsafe try bytes.span.withUnsafeBytes { bytes throws(ChannelError) in
      unsafe try send(bytes, until: limit)
    }
  }

  /// How often a send that waits asks ``givesUp``.
  static var lookInterval: Duration { .milliseconds(250) }

  // Where no message is so large that it goes in parts.
  var givesUp: (() -> Bool)? {
    get { nil }
    set {}
  }
  var reservesSharedMemory: Bool { false }
  func discard() {}
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool { true }
  var objects: [String] { [] }
  var numberInFrames: UInt32 { 0 }
  var traceNumber: Int32 {
    get { 0 }
    set {}
  }
}

extension ReceiverTransport {
  var lendsSharedMemory: Bool { false }
  func waitUntilReady(until deadline: Deadline) -> Bool { true }
  var objects: [String] { [] }
  var traceNumber: Int32 {
    get { 0 }
    set {}
  }
  var senderOfLastMessage: UInt32 { 0 }
}

/// Both transports of a new channel.
package struct TransportPair {
  package let sender: any SenderTransport
  package let receiver: any ReceiverTransport

  package init(_ sender: any SenderTransport, _ receiver: any ReceiverTransport) {
    self.sender = sender
    self.receiver = receiver
  }
}
