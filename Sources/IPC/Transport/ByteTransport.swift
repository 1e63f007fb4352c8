import SystemCalls

/// Where a part stands in its message: mechanisms with several receivers keep the parts of one together.
package struct PartPosition {
  package let stream: UInt32
  package let continues: Bool
  package let more: Bool

  package init(_ header: FrameHeader) {
    stream = header.stream
    continues = header.continues
    more = header.more
  }

  package init(stream: UInt32, continues: Bool, more: Bool) {
    self.stream = stream
    self.continues = continues
    self.more = more
  }

  package static let whole = PartPosition(stream: 0, continues: false, more: false)
}

/// What carries framed bytes out: one write of a descriptor, one message of a queue, one slot of a buffer.
package protocol ByteWriter: AnyObject {
  /// The most bytes that go in one write without another sender's coming between.
  var unitBytes: Int { get }
  /// True: a byte stream with this one sender; a write may be cut anywhere, and the rest follows. False: a write
  /// goes whole or not at all.
  var isStream: Bool { get }

  /// Whether parts of another sender's message can come between the parts of one of ours: each sender then has a
  /// number of its own.
  var partsInterleave: Bool { get }

  /// Writes both pieces behind each other. Returns how many bytes went: all of them, fewer on a stream, none when
  /// the deadline passed (`.now`: when it would have to wait).
  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition,
    until deadline: Deadline
  ) throws(ChannelError) -> Int
  /// How to wait for room, as a ``SenderTransport`` says it.
  var readiness: Readiness { get }
  func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool
  /// Whether lines of text can go as they are: a byte stream that a shell could write to.
  var carriesLines: Bool { get }
  /// The rest of the message that was begun doesn't come.
  func abandon()
  func close()
  func transfer() throws(ChannelError) -> EndpointTransfer
}

extension ByteReader {
  package var holdsTurn: Bool { false }
  package func waitUntilReady(until deadline: Deadline) -> Bool { true }

  package func read(
    into buffer: UnsafeMutableRawBufferPointer, trying times: Int
  ) throws(ChannelError) -> ReadOutcome {
    for _ in 0..<times {
      let outcome = unsafe try read(into: buffer, until: .now)
      if case .nothing = outcome {} else { return outcome }
      CPU.pause()
    }
    return .nothing
  }
}

extension ByteWriter {
  package var carriesLines: Bool { false }
  package func abandon() {}
  package func waitUntilReady(_ count: Int, until deadline: Deadline) -> Bool { true }
}

package enum ReadOutcome {
  case bytes(Int)
  /// The deadline passed.
  case nothing
  /// The last sender is gone and everything was read.
  case ended
}

/// What carries framed bytes in.
package protocol ByteReader: AnyObject {
  /// Whether other receivers wait until the message that has begun here is whole.
  var holdsTurn: Bool { get }
  /// A read takes at most this much; the buffer must hold it.
  var unitBytes: Int { get }
  /// Reads what there is, at most the buffer; the spinning comes from outside.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome
  /// Reads without waiting until there is something, at most so many times: a spin, close to the system call.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, trying times: Int
  ) throws(ChannelError) -> ReadOutcome
  /// How to wait for bytes, as a ``ReceiverTransport`` says it.
  var readiness: Readiness { get }
  func waitUntilReady(until deadline: Deadline) -> Bool
  func close()
  func transfer() throws(ChannelError) -> EndpointTransfer
}
