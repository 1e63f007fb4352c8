/// Builds a message's bytes. Numbers are little-endian; strings and lists have their length before them.
public struct MessageWriter: Sendable {
  // Inlinable, so that a program's own messages are encoded without a generic call for each part.
  @usableFromInline var storage: [UInt8] = []

  /// The bytes written so far.
  @inlinable public var bytes: [UInt8] { storage }

  /// How many bytes were written so far.
  @inlinable public var count: Int { storage.count }

  /// A writer without bytes.
  public init() {}

  /// Removes all bytes, and keeps the memory.
  @inlinable public mutating func removeAll() { storage.removeAll(keepingCapacity: true) }

  /// Removes the bytes behind the first `count`.
  @usableFromInline package mutating func truncate(to count: Int) { storage.removeSubrange(count...) }

  /// Writes an integer over bytes that were written before.
  @inlinable package mutating func overwrite<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, at offset: Int
  ) {
    unsafe storage.withUnsafeMutableBytes {
      unsafe $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
  }

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
    storage.setLength(storage.count - start - 4, at: start)
  }

  /// The bytes alone: the rest of the message.
  @inlinable public mutating func append(_ list: some Sequence<UInt8>) { storage.append(contentsOf: list) }
}

extension [UInt8] {
  /// Writes a length into the four bytes that were kept free for it.
  @inlinable mutating func setLength(_ count: Int, at offset: Int) {
    let count = UInt32(count)
    for byte in 0..<4 { self[offset + byte] = UInt8(truncatingIfNeeded: count >> (8 * UInt32(byte))) }
  }
}
