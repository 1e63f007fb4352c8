/// What a mechanism puts behind a ``Sender``. One owner calls it, one call at a time.
///
/// A deadline of `.now` means: try, and don't wait.
@usableFromInline package protocol SenderTransport: AnyObject {
  var mechanism: Mechanism { get }
  var options: ChannelOptions { get }
  /// Bytes given to the mechanism so far, framing included.
  var bytesCarried: Int { get }
  /// Small messages wait in the end's buffer until it is full, flushed, or the process waits for something.
  var coalesces: Bool { get set }

  /// Whether another process can be given a sender into the same channel.
  var admitsMoreSenders: Bool { get }

  /// False: the deadline passed, and nothing was sent.
  func send(_ bytes: UnsafeRawBufferPointer, until deadline: Deadline) throws(ChannelError) -> Bool
  /// Room for a message of at most `capacity` bytes, in place where the mechanism can; nil: the deadline passed.
  func reserve(_ capacity: Int, until deadline: Deadline) throws(ChannelError)
    -> UnsafeMutableRawBufferPointer?
  /// What was reserved is where the receiver will read it, and holds bytes that were sent before.
  var reservesSharedMemory: Bool { get }
  /// Sends the first `count` bytes of what was reserved. False: the deadline passed, and nothing was sent.
  func commit(_ count: Int, until deadline: Deadline) throws(ChannelError) -> Bool
  /// False: the deadline passed before everything was out.
  func flush(until deadline: Deadline) throws(ChannelError) -> Bool
  /// How to wait for room without a thread.
  var readiness: Readiness { get }
  /// Where no poll sees it: waits until a message of `count` bytes may find room, or the channel is closed. Takes
  /// nothing. False: the deadline passed.
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool
  /// Messages of at most so many bytes go at once or not at all; a larger one may begin to go and then has to wait.
  var wholeBytes: Int { get }
  /// Lets go of everything. May be called more than once.
  func close()
  /// Forgets what is held back, so that ``close()`` has nothing to wait for.
  func discard()
  func transfer() throws(ChannelError) -> EndpointTransfer
}

/// What a mechanism puts behind a ``Receiver``. One owner calls it, one call at a time.
@usableFromInline package protocol ReceiverTransport: AnyObject {
  var mechanism: Mechanism { get }
  var options: ChannelOptions { get }
  var bytesCarried: Int { get }

  /// What was taken lies where the sender can still change it.
  var lendsSharedMemory: Bool { get }

  /// The next message, in place, readable until ``release()``; nil: the deadline passed, and nothing was taken.
  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer?
  /// The message last taken was read.
  func release()
  /// How to wait for a message without a thread.
  var readiness: Readiness { get }
  /// Where no poll sees it: waits until there may be a message, or the channel is closed. Takes nothing. False: the
  /// deadline passed.
  func waitUntilReady(until deadline: Deadline) -> Bool
  func close()
  func transfer() throws(ChannelError) -> EndpointTransfer
}

extension SenderTransport {
  package var reservesSharedMemory: Bool { false }
  package func discard() {}
  package func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool { true }
}

extension ReceiverTransport {
  package var lendsSharedMemory: Bool { false }
  package func waitUntilReady(until deadline: Deadline) -> Bool { true }
}

/// An end on its way to a process that is about to be spawned.
@usableFromInline package struct EndpointTransfer {
  /// What the child needs besides descriptors to take the end over.
  package let parameters: [(key: String, value: String)]
  /// Borrowed: the end owns them until ``surrender`` runs.
  package let descriptors: [Int32]
  /// Runs after the spawn: closes this process's copies. What it returns is kept until the child has ended.
  package let surrender: () -> AnyObject?

  package init(
    parameters: [(key: String, value: String)] = [], descriptors: [Int32],
    surrender: @escaping () -> AnyObject?
  ) {
    self.parameters = parameters
    self.descriptors = descriptors
    self.surrender = surrender
  }
}

/// An end as the child finds it: descriptors under their new numbers, and the parent's parameters.
package struct InheritedEndpoint {
  package let mechanism: Mechanism
  package let options: ChannelOptions
  package let descriptors: [Int32]
  package let parameters: [String: String]

  package init(
    mechanism: Mechanism, options: ChannelOptions, descriptors: [Int32], parameters: [String: String]
  ) {
    self.mechanism = mechanism
    self.options = options
    self.descriptors = descriptors
    self.parameters = parameters
  }

  package func descriptor(_ index: Int) throws(ChannelError) -> Int32 {
    guard descriptors.indices.contains(index) else { throw broken("descriptor \(index)") }
    return descriptors[index]
  }

  package func integer(_ key: String) throws(ChannelError) -> Int {
    guard let text = parameters[key], let value = Int(text) else { throw broken(key) }
    return value
  }

  package func broken(_ what: String) -> ChannelError {
    ChannelError(
      .system, .open, mechanism,
      "the handed-over end lacks \(what): both processes must be built from the same version of this library")
  }
}
