/// Reads a message's bytes from front to back. Every length is checked before it is used, since another program may have
/// sent the bytes.
public struct MessageReader: ~Escapable {
  @usableFromInline let bytes: Span<UInt8>
  @usableFromInline var position: Int

  /// A reader of a whole message.
  @_lifetime(copy bytes) @inlinable public init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    position = 0
  }

  /// A reader that begins in the middle.
  @_lifetime(copy bytes) package init(_ bytes: Span<UInt8>, at offset: Int) {
    self.bytes = bytes
    position = offset
  }

  /// How many bytes were read.
  @inlinable public var offset: Int { position }

  /// How many bytes are left.
  @inlinable public var remaining: Int { bytes.count - position }

  @inlinable mutating func skip(_ count: Int) throws(ChannelError) -> Int {
    guard count >= 0, count <= bytes.count - position else { throw tooShort(count) }
    defer { position += count }
    return position
  }

  @usableFromInline func tooShort(_ count: Int) -> ChannelError {
    .invalid("\(count) bytes wanted at byte \(position) of \(bytes.count)")
  }

  /// An integer of the type asked for.
  @inlinable public mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
    as type: Value.Type = Value.self
  ) throws(ChannelError) -> Value {
    let at = try skip(MemoryLayout<Value>.size)
    return unsafe bytes.withUnsafeBytes {
      Value(littleEndian: unsafe $0.loadUnaligned(fromByteOffset: at, as: Value.self))
    }
  }

  /// A number from its bits.
  @inlinable public mutating func double() throws(ChannelError) -> Double {
    Double(bitPattern: try integer())
  }

  /// A byte that is 0 or 1.
  public mutating func bool() throws(ChannelError) -> Bool {
    let byte: UInt8 = try integer()
    guard byte < 2 else { throw .invalid("a Boolean of \(byte), which must be 0 or 1") }
    return byte == 1
  }

  /// A value with its length before it.
  @inlinable public mutating func message<Value: Message>(
    as type: Value.Type = Value.self
  ) throws(ChannelError) -> Value {
    let count: UInt32 = try integer()
    let at = try skip(Int(count))
    return try Value(decoding: bytes.extracting(at..<(at + Int(count))))
  }

  /// A text with its length before it.
  public mutating func string() throws(ChannelError) -> String {
    let count: UInt32 = try integer()
    return try text(count: Int(count))
  }

  /// A text of `count` bytes.
  public mutating func text(count: Int) throws(ChannelError) -> String {
    let at = try skip(count)
    let text: String? = unsafe bytes.withUnsafeBytes { raw in
      unsafe String(validating: raw[at..<(at + count)], as: UTF8.self)
    }
    guard let text else { throw .invalid("text that isn't UTF-8") }
    return text
  }

  /// Bytes with their length before them.
  public mutating func array() throws(ChannelError) -> [UInt8] {
    let count: UInt32 = try integer()
    return try array(count: Int(count))
  }

  /// The bytes that are left, which count as read.
  @_lifetime(copy self) @inlinable public mutating func rest() -> Span<UInt8> {
    defer { position = bytes.count }
    return bytes.extracting(position...)
  }

  /// `count` bytes.
  public mutating func array(count: Int) throws(ChannelError) -> [UInt8] {
    let at = try skip(count)
    // Rebased: a slice is copied byte by byte.
    return unsafe bytes.withUnsafeBytes {
      unsafe Array(UnsafeRawBufferPointer(rebasing: $0[at..<(at + count)]))
    }
  }
}
