/// A value that travels in one message.
///
/// A `Codable` type needs nothing else:
///
/// ```swift
/// struct Job: Codable, Message {
///   var url: String
///   var depth = 0
/// }
/// ```
///
/// Its coding is binary and compact (`Framing.md` has it to the byte); it round-trips whatever round-trips through
/// `JSONEncoder`. A value of numbers alone can be a ``FixedLayoutMessage``, which is copied as it lies in memory; a
/// `JSONMessage` of the library `IPCJSON` is sent as JSON. Strings, bytes, numbers, and arrays, dictionaries, sets and
/// optionals of messages conform.
///
/// A type can also write its parts one after the other, and read them back in the same order:
///
/// ```swift
/// struct Point: Message {
///   var x: Int32
///   var label: String
///
///   init(x: Int32, label: String) { self.x = x; self.label = label }
///
///   func encode(to writer: inout MessageWriter) {
///     writer.write(x)
///     writer.write(label)
///   }
///
///   init(from reader: inout MessageReader) throws(ChannelError) {
///     x = try reader.integer()
///     label = try reader.string()
///   }
/// }
/// ```
///
/// Two ends of a channel compare the coding, the size and the name of its messages when they meet.
public protocol Message {
  /// Writes the value's bytes.
  /// - Throws: `invalidMessage` for a value that can't be encoded.
  func encode(to writer: inout MessageWriter) throws(ChannelError)
  /// Reads it from a message's bytes, which may be anything: another program may have sent them.
  /// - Throws: `invalidMessage`.
  init(from reader: inout MessageReader) throws(ChannelError)

  /// What both ends of a channel call the type. The default is its name without its module: `Job`, `Crawl.Job`, `Page<Job>`.
  /// A type that is declared in a function has no name that another program knows, and needs one here.
  static var messageName: String { get }
  /// How the value is coded, as both ends compare it. The default follows from what the type conforms to.
  static var messageCoding: MessageCoding { get }
}

/// How a message's bytes are made of a value.
public struct MessageCoding: Hashable, Sendable {
  /// The name of the coding, which is part of what two ends compare.
  public let name: String

  /// A coding with this name.
  public init(_ name: String) { self.name = name }

  /// What the type's own ``Message/encode(to:)`` writes.
  public static let custom = MessageCoding("custom")
  /// The binary coding of `Codable` types.
  public static let binary = MessageCoding("binary")
  /// The value as it lies in memory: ``FixedLayoutMessage``.
  public static let fixed = MessageCoding("fixed")
  /// JSON: a `JSONMessage` of the library `IPCJSON`.
  public static let json = MessageCoding("json")
  /// UTF-8.
  public static let text = MessageCoding("text")
  /// Bytes as they are.
  public static let bytes = MessageCoding("bytes")
}

extension Message {
  /// The type's name without its module.
  public static var messageName: String { unqualifiedName(of: Self.self) }
  /// ``MessageCoding/custom``.
  public static var messageCoding: MessageCoding { .custom }

  /// Reads the value from a whole message; bytes behind it are an error.
  @inlinable public init(decoding bytes: Span<UInt8>) throws(ChannelError) {
    var reader = MessageReader(bytes)
    try self.init(from: &reader)
    guard reader.remaining == 0 else { throw excessBytes(reader.remaining, Self.self) }
  }
}

// What the compiler says of a type that says it is a message and has no coding.
extension Message {
  /// What a type needs that has no coding.
  @available(
    *, unavailable,
    message:
      "write 'Codable, Message', or 'FixedLayoutMessage' for numbers alone, or encode(to:) and init(from:) yourself, which throw nothing but a ChannelError"
  )
  public func encode(to writer: inout MessageWriter) throws(ChannelError) { fatalError() }

  /// What a type needs that has no coding.
  @available(
    *, unavailable,
    message:
      "write 'Codable, Message', or 'FixedLayoutMessage' for numbers alone, or encode(to:) and init(from:) yourself, which throw nothing but a ChannelError"
  )
  public init(from reader: inout MessageReader) throws(ChannelError) { fatalError() }
}

@usableFromInline func excessBytes(_ count: Int, _ type: any Any.Type) -> ChannelError {
  // Of a coding written by hand, the two functions probably differ.
  let isByHand =
    (type as? any Message.Type)?.messageCoding == .custom && type != Bool.self && type != Token.self
  return .invalid(
    "\(count) bytes too many for \(type)"
      + (isByHand ? "; init(from:) of \(type) must read what encode(to:) writes, in the same order" : ""))
}

@usableFromInline func wrongSize<Value>(_ count: Int, _ type: Value.Type) -> ChannelError {
  let size = MemoryLayout<Value>.size
  return count > size
    ? excessBytes(count - size, type) : .invalid("\(size) bytes wanted at byte 0 of \(count)")
}

extension ChannelError {
  /// The error of a coding written by hand: the bytes, or the value, aren't what they should be.
  ///
  /// ```swift
  /// import IPC
  ///
  /// struct Percent: Message {
  ///   var value: UInt8
  ///   init(_ value: UInt8) { self.value = value }
  ///   func encode(to writer: inout MessageWriter) { writer.write(value) }
  ///   init(from reader: inout MessageReader) throws(ChannelError) {
  ///     value = try reader.integer()
  ///     guard value <= 100 else { throw .invalid("\(value) percent") }
  ///   }
  /// }
  /// ```
  ///
  /// - Parameter what: what was found.
  /// - Returns: an error with the code `invalidMessage`.
  public static func invalid(_ what: String) -> ChannelError {
    ChannelError(.invalidMessage, .decode, nil, "the message isn't a value of the requested type: \(what)")
  }
}
