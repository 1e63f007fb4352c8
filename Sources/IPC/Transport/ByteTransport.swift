import SystemCalls

/// A transport for framed bytes, out of this process: one write to a descriptor, one message of a queue, one slot of a
/// buffer.
package protocol ByteWriter: AnyObject {
  /// The most bytes that one write takes without another sender's bytes between them.
  var unitBytes: Int { get }
  /// True for a byte stream with this one sender: the kernel may take part of a write, and the rest follows. False: a
  /// write goes whole or not at all, and begins with a frame header, unless the channel
  /// carries lines.
  var isStream: Bool { get }
  /// Whether other senders' frames can come between the fragments of one message. Each sender then has a number of
  /// its own in its frame headers.
  var interleavesFragments: Bool { get }

  /// Writes `head` and then `body`.
  /// - Returns: the number of bytes written: all, fewer on a stream, 0 if the deadline passes (`.now`: if the write
  ///   would wait).
  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int
  /// How to wait for room without a thread.
  var readiness: Readiness { get }
  /// For what poll(2) can't see: waits until a write of `count` bytes may go. Returns false if the deadline passes.
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool
  /// Whether lines of text can go without frames: a byte stream that a shell could write to.
  var carriesLines: Bool { get }
  /// Called once, before the first fragment: the sender with this number lives as long as the kernel holds something for this
  /// process that a receiver finds by the number.
  func claim(_ number: UInt32)
  /// Called once, before the first line: tells the receiver, where the mechanism can, that this sender ends each line.
  func promiseWholeLines()
  /// The remaining fragments of the message that was begun don't come.
  func abandonMessage()
  func close()
  /// As of a ``SenderTransport``: the kernel's objects behind it.
  var objects: [String] { get }
  /// As of a ``SenderTransport``: what a child needs to take the endpoint over, and what happens once it has been spawned.
  func transfer() throws(ChannelError) -> EndpointTransfer
  func finishTransfer() -> AnyObject?
}

/// What a ``ByteReader`` found.
package enum ReadOutcome {
  case bytes(Int)
  /// The deadline passed.
  case nothing
  /// The last sender is gone and everything is read.
  case ended
}

/// A transport for framed bytes, into this process.
package protocol ByteReader: AnyObject {
  /// The most bytes that one read takes; the buffer holds at least as many.
  var unitBytes: Int { get }
  /// Whether each read brings one unit, which contains whole frames: a packet, a queue message, a slot. False: a stream,
  /// cut anywhere.
  var readsUnits: Bool { get }
  /// Whether other receivers wait until the message that has begun here is whole.
  var holdsTurn: Bool { get }
  /// Called when nothing has come and others wait: lets them have their turn if the rest of the message that has begun here
  /// never comes. Returns whether it did.
  func endAbandonedTurn() -> Bool
  /// Reads what is there. It doesn't spin.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome
  /// Reads without waiting, and tries at most `tries` times: a spin close to the system call.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, tries: Int
  ) throws(ChannelError) -> ReadOutcome
  /// The senders that have come and gone don't count: from now on reads wait for another, instead of finding the end.
  /// Returns false if none can come.
  func awaitSender() -> Bool
  /// Whose fragments can mix, and how to find a sender that lives.
  var fragmentSenders: FragmentSenders { get }
  /// At the end, in the middle of a line: whether the sender may have died there. A program of this library ends each line.
  var endMayBeDeath: Bool { get }
  /// How to wait for bytes without a thread.
  var readiness: Readiness { get }
  /// For what poll(2) can't see: waits until a read may find bytes. Returns false if the deadline passes.
  func waitUntilReady(until deadline: Deadline) -> Bool
  func close()
  var objects: [String] { get }
  func transfer() throws(ChannelError) -> EndpointTransfer
  func finishTransfer() -> AnyObject?
}

extension ByteWriter {
  /// The sender transport that frames messages for this writer.
  package func framed(_ mechanism: Mechanism, _ options: ChannelOptions) -> any SenderTransport {
    FramedSender(mechanism, self, options)
  }

  package var carriesLines: Bool { false }
  package func claim(_ number: UInt32) {}
  package func promiseWholeLines() {}
  package func abandonMessage() {}
  package var objects: [String] { [] }
  package func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool { true }
}

extension ByteReader {
  /// The receiver transport of the messages that this reader reads.
  package func framed(_ mechanism: Mechanism, _ options: ChannelOptions) -> any ReceiverTransport {
    FramedReceiver(mechanism, self, options)
  }

  package var readsUnits: Bool { false }
  package var holdsTurn: Bool { false }
  package func endAbandonedTurn() -> Bool { false }
  package func awaitSender() -> Bool { false }
  package var fragmentSenders: FragmentSenders { .unknown }
  package var endMayBeDeath: Bool { true }
  package var objects: [String] { [] }
  package func waitUntilReady(until deadline: Deadline) -> Bool { true }

  package func read(
    into buffer: UnsafeMutableRawBufferPointer, tries: Int
  ) throws(ChannelError) -> ReadOutcome {
    for _ in 0..<tries {
      let outcome = unsafe try read(into: buffer, until: .now)
      if case .nothing = outcome {} else { return outcome }
      CPU.pause()
    }
    return .nothing
  }
}
