/// A value that travels in one message. Strings, bytes, numbers and ``/IPCJSON/JSONMessage`` types conform; a
/// type of yours writes its parts one after the other and reads them back in the same order.
///
/// ```swift
/// struct Job: Message {
///   var id: UInt32
///   var url: String
///   func encode(to writer: inout MessageWriter) { writer.write(id); writer.write(url) }
///   init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
///     id = try reader.integer(bytes)
///     url = try reader.string(bytes)
///   }
/// }
/// ```
public protocol Message {
  /// Writes the value's bytes.
  func encode(to writer: inout MessageWriter) throws(ChannelError)
  /// Reads it from a message's bytes, which may be anything: another program may have sent them.
  /// - Throws: `invalidMessage`.
  init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError)
}

extension Message {
  /// Reads the value from a whole message; bytes behind it are an error.
  @inlinable public init(decoding bytes: Span<UInt8>) throws(ChannelError) {
    var reader = MessageReader()
    try self.init(from: &reader, bytes)
    guard reader.offset == bytes.count else {
      throw excessBytes(bytes.count - reader.offset, Self.self)
    }
  }
}

@usableFromInline func excessBytes(_ count: Int, _ type: any Any.Type) -> ChannelError {
  .invalid("\(count) bytes too many for \(type)")
}

extension ChannelError {
  package static func invalid(_ what: String) -> ChannelError {
    ChannelError(.invalidMessage, .decode, nil, "the message isn't a value of the requested type: \(what)")
  }
}

/// Builds a message's bytes. Numbers are little-endian; strings and lists have their length before them.
public struct MessageWriter: Sendable {
  // Inlinable, so that a program's own messages are encoded without a generic call for each part.
  @usableFromInline var storage: [UInt8] = []

  /// The bytes written so far.
  @inlinable public var bytes: [UInt8] { storage }

  /// A writer without bytes.
  public init() {}

  /// Removes all bytes, and keeps the memory.
  @inlinable public mutating func removeAll() { storage.removeAll(keepingCapacity: true) }

  /// An integer, little-endian, in as many bytes as its type has.
  @inlinable public mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe storage.append(contentsOf: $0) }
  }

  /// A number as its bits.
  @inlinable public mutating func write(_ value: Double) { write(value.bitPattern) }

  /// One byte, 0 or 1.
  @inlinable public mutating func write(_ value: Bool) { storage.append(value ? 1 : 0) }

  /// Four bytes of length, then the text as UTF-8.
  @inlinable public mutating func write(_ text: String) {
    write(UInt32(text.utf8.count))
    storage.append(contentsOf: text.utf8)
  }

  /// Four bytes of length, then the bytes.
  @inlinable public mutating func write(_ list: [UInt8]) {
    write(UInt32(list.count))
    storage.append(contentsOf: list)
  }

  /// Four bytes of length, then the value as a message of its own.
  @inlinable public mutating func write<Value: Message>(message value: borrowing Value) throws(ChannelError) {
    let start = storage.count
    write(UInt32(0))
    try value.encode(to: &self)
    let count = UInt32(storage.count - start - 4).littleEndian
    for byte in 0..<4 { storage[start + byte] = UInt8(truncatingIfNeeded: count >> (8 * UInt32(byte))) }
  }

  /// The bytes alone: the rest of the message.
  @inlinable public mutating func append(_ list: some Sequence<UInt8>) { storage.append(contentsOf: list) }
}

/// The position up to which a message's bytes are read. Checks every length before it uses it.
public struct MessageReader: Sendable {
  @usableFromInline var position = 0

  /// The next byte to read.
  @inlinable public var offset: Int { position }

  /// The position before the first byte.
  @inlinable public init() {}

  /// A position in the middle.
  package init(at offset: Int) { position = offset }

  /// How many bytes are left.
  @inlinable public func remaining(_ bytes: Span<UInt8>) -> Int { bytes.count - position }

  @inlinable mutating func skip(_ count: Int, _ bytes: Span<UInt8>) throws(ChannelError) -> Int {
    guard count >= 0, count <= bytes.count - position else { throw tooShort(count, bytes.count) }
    defer { position += count }
    return position
  }

  @usableFromInline func tooShort(_ count: Int, _ total: Int) -> ChannelError {
    .invalid("\(count) bytes wanted at byte \(position) of \(total)")
  }

  /// An integer of the type asked for.
  @inlinable public mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: Span<UInt8>, as type: Value.Type = Value.self
  ) throws(ChannelError) -> Value {
    let at = try skip(MemoryLayout<Value>.size, bytes)
    return unsafe bytes.withUnsafeBytes {
      Value(littleEndian: unsafe $0.loadUnaligned(fromByteOffset: at, as: Value.self))
    }
  }

  /// A number from its bits.
  @inlinable public mutating func double(_ bytes: Span<UInt8>) throws(ChannelError) -> Double {
    Double(bitPattern: try integer(bytes))
  }

  /// A byte that is 0 or 1.
  public mutating func bool(_ bytes: Span<UInt8>) throws(ChannelError) -> Bool {
    let byte: UInt8 = try integer(bytes)
    guard byte < 2 else { throw .invalid("a Boolean of \(byte), which must be 0 or 1") }
    return byte == 1
  }

  /// A value with its length before it.
  @inlinable public mutating func message<Value: Message>(
    _ bytes: Span<UInt8>, as type: Value.Type = Value.self
  ) throws(ChannelError) -> Value {
    let count: UInt32 = try integer(bytes)
    let at = try skip(Int(count), bytes)
    return try Value(decoding: bytes.extracting(at..<(at + Int(count))))
  }

  /// A text with its length before it.
  public mutating func string(_ bytes: Span<UInt8>) throws(ChannelError) -> String {
    let count: UInt32 = try integer(bytes)
    return try text(bytes, count: Int(count))
  }

  /// A text of `count` bytes.
  public mutating func text(_ bytes: Span<UInt8>, count: Int) throws(ChannelError) -> String {
    let at = try skip(count, bytes)
    let text: String? = unsafe bytes.withUnsafeBytes { raw in
      unsafe String(validating: raw[at..<(at + count)], as: UTF8.self)
    }
    guard let text else { throw .invalid("text that isn't UTF-8") }
    return text
  }

  /// Bytes with their length before them.
  public mutating func array(_ bytes: Span<UInt8>) throws(ChannelError) -> [UInt8] {
    let count: UInt32 = try integer(bytes)
    return try array(bytes, count: Int(count))
  }

  /// `count` bytes.
  public mutating func array(_ bytes: Span<UInt8>, count: Int) throws(ChannelError) -> [UInt8] {
    let at = try skip(count, bytes)
    return unsafe bytes.withUnsafeBytes { unsafe Array($0[at..<(at + count)]) }
  }
}

extension String: Message {
  /// The text as UTF-8: the whole message.
  public func encode(to writer: inout MessageWriter) { writer.append(utf8) }

  /// The message's bytes as UTF-8.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    self = try reader.text(bytes, count: reader.remaining(bytes))
  }
}

extension Array: Message where Element: Message {
  /// Bytes: as they are, the whole message. Other elements: each with its length before it.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    // By the element type, not the array: an empty array could be an array of anything. A cast would look at each byte.
    if Element.self == UInt8.self { return writer.append(unsafe unsafeBitCast(self, to: [UInt8].self)) }
    writer.write(UInt32(count))
    for element in self { try writer.write(message: element) }
  }

  /// Bytes: all of the message. Other elements: as many as the message says, each with its length before it.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    if Element.self == UInt8.self {
      let all = try reader.array(bytes, count: reader.remaining(bytes))
      self = unsafe unsafeBitCast(all, to: [Element].self)
      return
    }
    let count: UInt32 = try reader.integer(bytes)
    self = []
    // Not more than can be there: the peer chose the number.
    reserveCapacity(Swift.min(Int(count), reader.remaining(bytes) / 4))
    for _ in 0..<count { append(try reader.message(bytes)) }
  }
}

extension Optional: Message where Wrapped: Message {
  /// A byte that says whether there is a value, and the value.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    writer.write(self != nil)
    if let value = self { try value.encode(to: &writer) }
  }

  /// A byte that says whether there is a value, and the value.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    self = try reader.bool(bytes) ? try Wrapped(from: &reader, bytes) : nil
  }
}

extension Bool: Message {
  /// One byte, 0 or 1.
  public func encode(to writer: inout MessageWriter) { writer.write(self) }

  /// One byte, 0 or 1.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    self = try reader.bool(bytes)
  }
}

extension Message where Self: FixedWidthInteger & BitwiseCopyable {
  /// The integer, little-endian.
  @inlinable public func encode(to writer: inout MessageWriter) { writer.write(self) }

  /// The integer, little-endian.
  @inlinable public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    self = try reader.integer(bytes)
  }
}

extension Int: Message {}
extension Int32: Message {}
extension Int64: Message {}
extension UInt: Message {}
extension UInt8: Message {}
extension UInt16: Message {}
extension UInt32: Message {}
extension UInt64: Message {}

extension Double: Message {
  /// The number's bits, little-endian.
  public func encode(to writer: inout MessageWriter) { writer.write(self) }

  /// The number's bits, little-endian.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    self = try reader.double(bytes)
  }
}

/// A message without any bytes: only that it came counts.
public struct Token: Message, Hashable, Sendable {
  /// The token.
  public init() {}
  /// Writes nothing.
  public func encode(to writer: inout MessageWriter) {}
  /// Reads nothing.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {}
}
