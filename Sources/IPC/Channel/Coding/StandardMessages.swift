extension String: Message {
  /// `text`: UTF-8.
  public static var messageCoding: MessageCoding { .text }

  /// The text as UTF-8: the whole message.
  public func encode(to writer: inout MessageWriter) { writer.append(utf8) }

  /// The message's bytes as UTF-8.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    self = try reader.text(count: reader.remaining)
  }
}

extension Array: Message where Element: Message {
  /// The elements' name in brackets: `[Job]`.
  public static var messageName: String { "[\(Element.messageName)]" }
  /// `bytes` for bytes; else a list of the elements' coding.
  public static var messageCoding: MessageCoding {
    Element.self == UInt8.self
      ? .bytes : MessageCoding("list of \(Element.messageCoding.name) \(MemoryLayout<Element>.size)")
  }

  /// Bytes: as they are, the whole message. Other elements: each with its length before it.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    // By the element type, not the array: an empty array could be an array of anything. A cast would look at each byte.
    if Element.self == UInt8.self { return writer.append(unsafe unsafeBitCast(self, to: [UInt8].self)) }
    writer.write(UInt32(count))
    for element in self { try writer.write(message: element) }
  }

  /// Bytes: all of the message. Other elements: as many as the message says, each with its length before it.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    if Element.self == UInt8.self {
      let all = try reader.array(count: reader.remaining)
      self = unsafe unsafeBitCast(all, to: [Element].self)
      return
    }
    let count: UInt32 = try reader.integer()
    self = []
    // Not more than can be there: the peer chose the number.
    reserveCapacity(Swift.min(Int(count), reader.remaining / Swift.max(4, MemoryLayout<Element>.stride)))
    for _ in 0..<count { append(try reader.message()) }
  }
}

extension Dictionary: Message where Key: Message, Value: Message {
  /// The names of key and value in brackets: `[String: Job]`.
  public static var messageName: String { "[\(Key.messageName): \(Value.messageName)]" }
  /// A dictionary of the codings of key and value.
  public static var messageCoding: MessageCoding {
    MessageCoding(
      "dictionary of \(Key.messageCoding.name) \(MemoryLayout<Key>.size) and \(Value.messageCoding.name) \(MemoryLayout<Value>.size)"
    )
  }

  /// The number of pairs, and for each the key and the value, each with its length before it.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    writer.write(UInt32(count))
    for (key, value) in self {
      try writer.write(message: key)
      try writer.write(message: value)
    }
  }

  /// As many pairs as the message says. A key that comes twice is an error.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    let count: UInt32 = try reader.integer()
    self = [:]
    // Not more than can be there: the peer chose the number.
    reserveCapacity(Swift.min(Int(count), reader.remaining / Swift.max(8, MemoryLayout<(Key, Value)>.stride)))
    for _ in 0..<count {
      let key: Key = try reader.message()
      guard updateValue(try reader.message(), forKey: key) == nil else {
        throw .invalid("a dictionary that has a key twice")
      }
    }
  }
}

extension Set: Message where Element: Message {
  /// The elements' name in braces: `{Job}`.
  public static var messageName: String { "{\(Element.messageName)}" }
  /// A list of the elements' coding.
  public static var messageCoding: MessageCoding {
    MessageCoding("set of \(Element.messageCoding.name) \(MemoryLayout<Element>.size)")
  }

  /// As an array's elements, in any order.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    writer.write(UInt32(count))
    for element in self { try writer.write(message: element) }
  }

  /// As many elements as the message says. One that comes twice is an error.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    let count: UInt32 = try reader.integer()
    self = []
    reserveCapacity(Swift.min(Int(count), reader.remaining / Swift.max(4, MemoryLayout<Element>.stride)))
    for _ in 0..<count {
      guard insert(try reader.message()).inserted else { throw .invalid("a set that has an element twice") }
    }
  }
}

extension Optional: Message where Wrapped: Message {
  /// The value's name with a question mark: `Job?`.
  public static var messageName: String { "\(Wrapped.messageName)?" }
  /// An optional of the value's coding.
  public static var messageCoding: MessageCoding { MessageCoding("optional \(Wrapped.messageCoding.name)") }

  /// A byte that says whether there is a value, and the value.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    writer.write(self != nil)
    if let value = self { try value.encode(to: &writer) }
  }

  /// A byte that says whether there is a value, and the value.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    self = try reader.bool() ? try Wrapped(from: &reader) : nil
  }
}

extension Bool: Message {
  /// ``MessageCoding/custom``.
  public static var messageCoding: MessageCoding { .custom }

  /// One byte, 0 or 1.
  public func encode(to writer: inout MessageWriter) { writer.write(self) }

  /// One byte, 0 or 1.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    self = try reader.bool()
  }
}

/// A message without any bytes: only that it came counts.
public struct Token: Message, Hashable, Sendable {
  /// The token.
  public init() {}
  /// Writes nothing.
  public func encode(to writer: inout MessageWriter) {}
  /// Reads nothing.
  public init(from reader: inout MessageReader) throws(ChannelError) {}
}
