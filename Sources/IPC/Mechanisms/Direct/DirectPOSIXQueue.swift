import SystemCalls

/// A POSIX message queue as the kernel has it, without a channel around it: messages with a priority each, of which the
/// kernel hands out the highest first, and the oldest of those. Most programs want ``Channel``.
///
/// System calls: mq_open(3), mq_getattr(3), mq_send(3), mq_receive(3), mq_unlink(3). Errors: `system`, with the kernel's
/// error.
public struct PriorityQueue: ~Copyable, Sendable {
  /// A message and its priority.
  public struct Entry: Hashable, Sendable {
    /// From 0, the lowest, to 32767.
    public let priority: UInt32
    /// The bytes as text.
    public let text: String
  }

  /// The queue's name, which begins with a slash.
  public let name: String
  /// How many messages the queue holds.
  public let capacity: Int
  /// The bytes of the largest message.
  public let largestMessage: Int
  private let queue: Descriptor

  private init(_ name: String, _ queue: consuming Descriptor) throws(ChannelError) {
    do throws(SystemError) {
      (capacity, largestMessage) = try POSIXQueues.mqGetattr(queue)
    } catch {
      throw ChannelError(error, .open, nil, name)
    }
    self.name = name
    self.queue = queue
  }

  /// Makes a queue, for this user alone. It stays until ``remove()``.
  public static func create(
    _ name: String, capacity: Int = 10, largestMessage: Int = 1024
  ) throws(ChannelError) -> PriorityQueue {
    try PriorityQueue(
      name,
      try translating(.open, nil, name) { () throws(SystemError) in
        try POSIXQueues.mqOpen(creating: name, messages: capacity, size: largestMessage)
      })
  }

  /// Opens the queue with this name.
  public static func open(_ name: String) throws(ChannelError) -> PriorityQueue {
    try PriorityQueue(
      name, try translating(.open, nil, name) { () throws(SystemError) in try POSIXQueues.mqOpen(name) })
  }

  /// Sends a message if the queue has room.
  /// - Returns: false if it is full (EAGAIN).
  public func trySend(_ text: String, priority: UInt32) throws(ChannelError) -> Bool {
    let (raw, bytes) = (queue.raw, Array(text.utf8))
    return try translating(.send, nil, name) { () throws(SystemError) in
      unsafe try bytes.span.withUnsafeBytes { bytes throws(SystemError) in
        unsafe try POSIXQueues.mqSend(raw, bytes, priority: priority)
      }
    }
  }

  /// Receives the message with the highest priority if there is one.
  public func tryReceive() throws(ChannelError) -> Entry? {
    var buffer = [UInt8](repeating: 0, count: largestMessage)
    var priority: UInt32 = 0
    do throws(SystemError) {
      let raw = queue.raw
      var span = buffer.mutableSpan
      let count = unsafe try span.withUnsafeMutableBytes { bytes throws(SystemError) in
        unsafe try POSIXQueues.mqReceive(raw, into: bytes, priority: &priority)
      }
      guard let count else { return nil }
      return Entry(priority: priority, text: String(decoding: buffer[..<count], as: UTF8.self))
    } catch {
      throw ChannelError(error, .receive, nil, name)
    }
  }

  /// Removes the name; the queue goes with the last process that has it open.
  public func remove() throws(ChannelError) {
    try translating(.open, nil, name) { () throws(SystemError) in try POSIXQueues.mqUnlink(name) }
  }
}
