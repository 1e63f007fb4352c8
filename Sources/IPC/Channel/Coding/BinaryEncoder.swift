/// What a value's `encode(to:)` gets: the place of the value.
struct BinaryEncoder: Encoder {
  let encoding: BinaryEncoding
  let node: Int

  var codingPath: [any CodingKey] { encoding.path(node) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    KeyedEncodingContainer(
      BinaryKeyedEncoder<Key>(encoding: encoding, node: encoding.open(node, as: .object) ? node : .max))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    BinaryListEncoder(encoding: encoding, node: encoding.open(node, as: .list) ? node : .max)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    BinaryValueEncoder(encoding: encoding, node: node)
  }
}

/// An object being written.
struct BinaryKeyedEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let encoding: BinaryEncoding
  let node: Int

  var codingPath: [any CodingKey] { encoding.path(node) }

  private func append(_ key: Key, _ body: () -> Void) throws {
    try encoding.append(in: node, key: key.stringValue) { _ in body() }
  }
  private func integer(_ value: some FixedWidthInteger, _ key: Key) throws {
    try append(key) { encoding.storage.append(binary: value) }
  }

  func encodeNil(forKey key: Key) throws {
    try append(key) { encoding.storage.append(BinaryFormat.Tag.null) }
  }
  func encode(_ value: Bool, forKey key: Key) throws {
    try append(key) { encoding.storage.append(binary: value) }
  }
  func encode(_ value: String, forKey key: Key) throws {
    try append(key) { encoding.storage.append(binary: value) }
  }
  func encode(_ value: Double, forKey key: Key) throws {
    try append(key) { encoding.storage.append(binary: value) }
  }
  func encode(_ value: Float, forKey key: Key) throws {
    try append(key) { encoding.storage.append(binary: value) }
  }
  func encode(_ value: Int, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int8, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int16, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int32, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int64, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int128, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt8, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt16, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt32, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt64, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt128, forKey key: Key) throws { try integer(value, key) }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    try encoding.append(in: node, key: key.stringValue) { try encoding.append(value, parent: node, key: $0) }
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    KeyedEncodingContainer(
      BinaryKeyedEncoder<Nested>(
        encoding: encoding, node: encoding.nest(in: node, key: key.stringValue, as: .object)))
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    BinaryListEncoder(encoding: encoding, node: encoding.nest(in: node, key: key.stringValue, as: .list))
  }

  func superEncoder() -> any Encoder { superEncoder("super") }
  func superEncoder(forKey key: Key) -> any Encoder { superEncoder(key.stringValue) }

  private func superEncoder(_ key: String) -> any Encoder {
    BinaryEncoder(encoding: encoding, node: encoding.nest(in: node, key: key, as: .reserved))
  }
}

/// A list being written.
struct BinaryListEncoder: UnkeyedEncodingContainer {
  let encoding: BinaryEncoding
  let node: Int

  var codingPath: [any CodingKey] { encoding.path(node) }
  var count: Int { node < encoding.nodes.count ? encoding.nodes[node].count : 0 }

  private func append(_ body: () -> Void) throws {
    try encoding.append(in: node, key: nil) { _ in body() }
  }
  private func integer(_ value: some FixedWidthInteger) throws {
    try append { encoding.storage.append(binary: value) }
  }

  func encodeNil() throws { try append { encoding.storage.append(BinaryFormat.Tag.null) } }
  func encode(_ value: Bool) throws { try append { encoding.storage.append(binary: value) } }
  func encode(_ value: String) throws { try append { encoding.storage.append(binary: value) } }
  func encode(_ value: Double) throws { try append { encoding.storage.append(binary: value) } }
  func encode(_ value: Float) throws { try append { encoding.storage.append(binary: value) } }
  func encode(_ value: Int) throws { try integer(value) }
  func encode(_ value: Int8) throws { try integer(value) }
  func encode(_ value: Int16) throws { try integer(value) }
  func encode(_ value: Int32) throws { try integer(value) }
  func encode(_ value: Int64) throws { try integer(value) }
  func encode(_ value: Int128) throws { try integer(value) }
  func encode(_ value: UInt) throws { try integer(value) }
  func encode(_ value: UInt8) throws { try encoding.append(byte: value, in: node) }
  func encode(_ value: UInt16) throws { try integer(value) }
  func encode(_ value: UInt32) throws { try integer(value) }
  func encode(_ value: UInt64) throws { try integer(value) }
  func encode(_ value: UInt128) throws { try integer(value) }
  func encode(contentsOf sequence: some Sequence<UInt8>) throws {
    try encoding.append(bytes: Array(sequence), in: node)
  }

  func encode<Value: Encodable>(_ value: Value) throws {
    if Value.self == UInt8.self { return try encode(unsafe unsafeBitCast(value, to: UInt8.self)) }
    try encoding.append(in: node, key: nil) { try encoding.append(value, parent: node, key: $0) }
  }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    KeyedEncodingContainer(
      BinaryKeyedEncoder<Nested>(encoding: encoding, node: encoding.nest(in: node, key: nil, as: .object)))
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    BinaryListEncoder(encoding: encoding, node: encoding.nest(in: node, key: nil, as: .list))
  }

  func superEncoder() -> any Encoder {
    BinaryEncoder(encoding: encoding, node: encoding.nest(in: node, key: nil, as: .reserved))
  }
}

/// A value that is its own container.
struct BinaryValueEncoder: SingleValueEncodingContainer {
  let encoding: BinaryEncoding
  let node: Int

  var codingPath: [any CodingKey] { encoding.path(node) }

  private func integer(_ value: some FixedWidthInteger) throws {
    try encoding.set(node) { encoding.storage.append(binary: value) }
  }

  func encodeNil() throws { try encoding.set(node) { encoding.storage.append(BinaryFormat.Tag.null) } }
  func encode(_ value: Bool) throws { try encoding.set(node) { encoding.storage.append(binary: value) } }
  func encode(_ value: String) throws { try encoding.set(node) { encoding.storage.append(binary: value) } }
  func encode(_ value: Double) throws { try encoding.set(node) { encoding.storage.append(binary: value) } }
  func encode(_ value: Float) throws { try encoding.set(node) { encoding.storage.append(binary: value) } }
  func encode(_ value: Int) throws { try integer(value) }
  func encode(_ value: Int8) throws { try integer(value) }
  func encode(_ value: Int16) throws { try integer(value) }
  func encode(_ value: Int32) throws { try integer(value) }
  func encode(_ value: Int64) throws { try integer(value) }
  func encode(_ value: Int128) throws { try integer(value) }
  func encode(_ value: UInt) throws { try integer(value) }
  func encode(_ value: UInt8) throws { try integer(value) }
  func encode(_ value: UInt16) throws { try integer(value) }
  func encode(_ value: UInt32) throws { try integer(value) }
  func encode(_ value: UInt64) throws { try integer(value) }
  func encode(_ value: UInt128) throws { try integer(value) }

  func encode<Value: Encodable>(_ value: Value) throws {
    // Of the same place: the value says itself what it is.
    try value.encode(to: BinaryEncoder(encoding: encoding, node: node))
  }
}
