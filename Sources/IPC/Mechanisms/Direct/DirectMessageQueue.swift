import SystemCalls

/// A System V message queue as the kernel has it, without a channel around it: messages with a type each, kept
/// until somebody takes them, also over the death of all who know the queue. For tools that need types or
/// persistence; ``Channel`` is what most want.
///
/// System calls: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). Errors: `system` with the kernel's words.
public struct MessageQueue: ~Copyable, Sendable {
  /// A message and its type.
  public struct Entry: Hashable, Sendable {
    /// Above 0.
    public let type: Int
    /// The bytes.
    public let bytes: [UInt8]
    /// The bytes as text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// The kernel's number for it.
  public let id: Int32

  private init(id: Int32) { self.id = id }

  /// Makes a queue that only its number leads to. It stays until ``remove()``.
  public static func create() throws(ChannelError) -> MessageQueue {
    MessageQueue(id: try translating(.open, .queue) { () throws(SystemError) in try MessageQueues.msgget() })
  }

  /// The queue with this number, of this user's.
  public static func open(id: Int32) throws(ChannelError) -> MessageQueue {
    _ = try translating(.open, .queue, "queue \(id)") { () throws(SystemError) in
      try MessageQueues.msgctl(status: id)
    }
    return MessageQueue(id: id)
  }

  /// Sends a message of a type, which is above 0. Waits while the queue is full.
  public func send(_ bytes: [UInt8], type: Int) throws(ChannelError) {
    precondition(type > 0, "a message's type is above 0")
    var message = MessageWriter()
    message.write(type)
    message.append(bytes)
    let id = self.id
    try translating(.send, .queue) { () throws(SystemError) in
      unsafe try message.bytes.span.withUnsafeBytes { raw throws(SystemError) in
        unsafe try MessageQueues.msgsnd(id, raw.baseAddress!, count: raw.count - 8, wait: true)
      }
    }
  }

  /// Sends text.
  public func send(_ text: String, type: Int) throws(ChannelError) { try send(Array(text.utf8), type: type) }

  /// Takes the oldest message of this type (0: of any). Waits for one.
  public func receive(type: Int = 0) throws(ChannelError) -> Entry { try take(type: type, wait: true)! }

  /// Takes the oldest message of this type if there is one.
  public func tryReceive(type: Int = 0) throws(ChannelError) -> Entry? { try take(type: type, wait: false) }

  private func take(type: Int, wait: Bool) throws(ChannelError) -> Entry? {
    var buffer = [UInt8](repeating: 0, count: 8 + KernelLimit.number("kernel/msgmax"))
    let capacity = buffer.count - 8
    do throws(SystemError) {
      var span = buffer.mutableSpan
      let count = unsafe try span.withUnsafeMutableBytes { raw throws(SystemError) in
        unsafe try MessageQueues.msgrcv(id, raw.baseAddress!, capacity: capacity, type: type, wait: wait)
      }
      var reader = MessageReader()
      guard let found: Int = try? reader.integer(buffer.span) else { return nil }
      return Entry(type: found, bytes: Array(buffer[8..<(8 + count)]))
    } catch {
      if error.meansNoMessage { return nil }
      throw ChannelError(error, .receive, .queue)
    }
  }

  /// How many messages wait.
  public var count: Int {
    get throws(ChannelError) {
      try translating(.list, .queue) { () throws(SystemError) in try MessageQueues.msgctl(status: id).messages
      }
    }
  }

  /// Removes it and what waits in it.
  public consuming func remove() throws(ChannelError) {
    try translating(.open, .queue) { () throws(SystemError) in try MessageQueues.msgctl(remove: id) }
  }
}
