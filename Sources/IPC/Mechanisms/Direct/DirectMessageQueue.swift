import Glibc
import SystemCalls

/// A System V message queue as the kernel has it, without a channel around it: messages with a type each, which the
/// kernel keeps until a process receives them, also when every process that knows the queue has died. For programs
/// that need types or persistence; most want ``Channel``.
///
/// System calls: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). Errors: `system`, with the kernel's error.
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

  /// The queue's id.
  public let id: Int32

  private init(id: Int32) { self.id = id }

  /// Makes a private queue, which other processes find by its id. It stays until ``remove()``.
  public static func create() throws(ChannelError) -> MessageQueue {
    MessageQueue(id: try translating(.open, .queue) { () throws(SystemError) in try MessageQueues.msgget() })
  }

  /// Opens the queue with this id.
  public static func open(id: Int32) throws(ChannelError) -> MessageQueue {
    _ = try translating(.open, .queue, "queue \(id)") { () throws(SystemError) in
      try MessageQueues.msgctl(status: id)
    }
    return MessageQueue(id: id)
  }

  /// Sends a message of a type, which is above 0. Waits while the queue is full.
  /// - Throws: `messageTooLong` for more than kernel.msgmax, or more than the queue holds; `closed` once it is removed.
  public func send(_ bytes: [UInt8], type: Int) throws(ChannelError) {
    precondition(type > 0, "a message's type is above 0")
    var message = MessageWriter()
    message.write(type)
    message.append(bytes)
    let id = self.id
    func msgsnd(wait: Bool) throws(SystemError) {
      unsafe try message.bytes.span.withUnsafeBytes { raw throws(SystemError) in
        unsafe try MessageQueues.msgsnd(id, raw.baseAddress!, count: raw.count - 8, wait: wait)
      }
    }
    do throws(SystemError) {
      do throws(SystemError) {
        try msgsnd(wait: false)
      } catch {
        guard error.wouldBlock else { throw error }
        let capacity = try MessageQueues.msgctl(status: id).capacityBytes
        if bytes.count <= capacity { return try msgsnd(wait: true) }
        // It would wait for ever.
        throw SystemError(EMSGSIZE, .msgsnd)
      }
    } catch {
      if error.number == EMSGSIZE {
        let capacity = (try? MessageQueues.msgctl(status: id).capacityBytes) ?? 0
        throw ChannelError(
          .messageTooLong, .send, .queue,
          "a message of \(bytes.count) bytes is over what the queue holds (\(capacity)): send less, or raise its msg_qbytes",
          limit: capacity)
      }
      if error.number == EINVAL, let tooLong = MessageQueueMechanism.overLimit(bytes.count, .send) {
        throw tooLong
      }
      throw ChannelError(error, .send, .queue)
    }
  }

  /// Sends text.
  public func send(_ text: String, type: Int) throws(ChannelError) { try send(Array(text.utf8), type: type) }

  /// Receives the oldest message of a type (0: of any). Waits for one.
  public func receive(type: Int = 0) throws(ChannelError) -> Entry { try take(type: type, wait: true)! }

  /// Receives the oldest message of a type if there is one.
  public func tryReceive(type: Int = 0) throws(ChannelError) -> Entry? { try take(type: type, wait: false) }

  private func take(type: Int, wait: Bool) throws(ChannelError) -> Entry? {
    var buffer = [UInt8](repeating: 0, count: 8 + (try KernelLimit.required("kernel/msgmax", .queue)))
    let capacity = buffer.count - 8
    do throws(SystemError) {
      var span = buffer.mutableSpan
      let count = unsafe try span.withUnsafeMutableBytes { raw throws(SystemError) in
        unsafe try MessageQueues.msgrcv(id, raw.baseAddress!, capacity: capacity, type: type, wait: wait)
      }
      var reader = MessageReader(buffer.span)
      guard let found: Int = try? reader.integer() else { return nil }
      return Entry(type: found, bytes: Array(buffer[8..<(8 + count)]))
    } catch {
      if error.meansNoMessage { return nil }
      throw ChannelError(error, .receive, .queue)
    }
  }

  /// The number of messages in the queue.
  public var count: Int {
    get throws(ChannelError) {
      try translating(.list, .queue) { () throws(SystemError) in try MessageQueues.msgctl(status: id).messages
      }
    }
  }

  /// Removes the queue and the messages in it.
  public consuming func remove() throws(ChannelError) {
    try translating(.open, .queue) { () throws(SystemError) in try MessageQueues.msgctl(remove: id) }
  }
}
