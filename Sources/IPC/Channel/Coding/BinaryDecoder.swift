/// What a type's `init(from:)` gets: the place of the value.
struct BinaryDecoder: Decoder {
  let decoding: BinaryDecoding
  let place: BinaryDecoding.Place
  /// How many containers the value is in.
  let depth: Int
  let path: Int

  var codingPath: [any CodingKey] { decoding.codingPath(path) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  private var context: BinaryDecoding.Context { .init(path: path) }

  /// The bytes of a container's values.
  private func contents(_ tag: UInt8, _ type: any Any.Type) throws -> (start: Int, end: Int) {
    guard !place.isByte, place.at >= 0, decoding.bytes[place.at] == tag else {
      throw decoding.mismatch(type, place, context)
    }
    guard depth < BinaryFormat.deepest else {
      throw decoding.error("more than \(BinaryFormat.deepest) containers in one another", .init(path: -1))
    }
    var at = place.at + 1
    let count = try decoding.count(&at, place.limit)
    return (at, at + count)
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    let (start, end) = try contents(BinaryFormat.Tag.object, [String: Any].self)
    return KeyedDecodingContainer(
      BinaryKeyedDecoder<Key>(
        reader: BinaryObjectReader(
          decoding: decoding, object: try decoding.object(start, end), depth: depth + 1, path: path)))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    if !place.isByte, place.at >= 0, decoding.bytes[place.at] == BinaryFormat.Tag.bytes {
      let (start, end) = try contents(BinaryFormat.Tag.bytes, [Any].self)
      return BinaryListDecoder(
        decoding: decoding, at: start, end: end, isBytes: true, count: end - start, depth: depth + 1,
        path: path)
    }
    let (start, end) = try contents(BinaryFormat.Tag.list, [Any].self)
    var count = 0
    var at = start
    while at < end {
      at = try decoding.skip(at, end)
      count += 1
    }
    return BinaryListDecoder(
      decoding: decoding, at: start, end: end, isBytes: false, count: count, depth: depth + 1, path: path)
  }

  func singleValueContainer() throws -> any SingleValueDecodingContainer {
    BinaryValueDecoder(decoding: decoding, place: place, depth: depth, path: path)
  }
}

/// An object being read, whatever its type of keys: what it does isn't generic, so that it needs no type information at run
/// time.
struct BinaryObjectReader {
  let decoding: BinaryDecoding
  let object: BinaryDecoding.Object
  let depth: Int
  let path: Int

  var codingPath: [any CodingKey] { decoding.codingPath(path) }

  func find(_ key: String) throws(ChannelError) -> (
    place: BinaryDecoding.Place, context: BinaryDecoding.Context
  )? {
    guard let (place, number) = try decoding.find(key, in: object) else { return nil }
    return (place, .init(path: path, key: number))
  }

  func found(_ key: String) throws -> (place: BinaryDecoding.Place, context: BinaryDecoding.Context) {
    if let found = try find(key) { return found }
    throw DecodingError.keyNotFound(
      BinaryKey(stringValue: key),
      .init(codingPath: codingPath, debugDescription: "there is no value for the key \(key)"))
  }

  func advance(_ place: BinaryDecoding.Place) throws { decoding.advance(object, to: try decoding.end(place)) }

  func bool(_ key: String) throws -> Bool {
    let (place, context) = try found(key)
    let value = try decoding.bool(place, context)
    try advance(place)
    return value
  }
  func string(_ key: String) throws -> String {
    let (place, context) = try found(key)
    let value = try decoding.string(place, context)
    try advance(place)
    return value
  }
  func double(_ key: String) throws -> Double {
    let (place, context) = try found(key)
    let value = try decoding.double(place, context)
    try advance(place)
    return value
  }
  func float(_ key: String) throws -> Float {
    let (place, context) = try found(key)
    let value = try decoding.float(place, context)
    try advance(place)
    return value
  }
  func integer<Value: FixedWidthInteger>(_ key: String) throws -> Value {
    let (place, context) = try found(key)
    let value: Value = try decoding.integer(place, context)
    try advance(place)
    return value
  }

  func value<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value {
    let (place, context) = try found(key)
    let value = try decoding.value(type, place, depth: depth, context)
    try advance(place)
    return value
  }

  /// Whether there is a value that isn't null; reads past a null.
  func hasValue(_ key: String) throws -> Bool {
    guard let (place, _) = try find(key) else { return false }
    guard decoding.isNull(place) else { return true }
    try advance(place)
    return false
  }

  func decoder(_ key: String) throws -> BinaryDecoder {
    let (place, context) = try found(key)
    return decoder(place, context)
  }

  func superDecoder(_ key: String) throws -> any Decoder {
    // As JSONDecoder: where there is none, it is null.
    guard let (place, context) = try find(key) else {
      return BinaryDecoder(decoding: decoding, place: .nowhere, depth: depth, path: path)
    }
    return decoder(place, context)
  }

  private func decoder(_ place: BinaryDecoding.Place, _ context: BinaryDecoding.Context) -> BinaryDecoder {
    BinaryDecoder(decoding: decoding, place: place, depth: depth, path: decoding.enter(context))
  }
}

/// An object being read.
struct BinaryKeyedDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let reader: BinaryObjectReader

  var codingPath: [any CodingKey] { reader.codingPath }
  var allKeys: [Key] {
    let decoding = reader.decoding
    return decoding.keys(of: reader.object).compactMap { Key(stringValue: decoding.keys[$0]) }
  }

  func contains(_ key: Key) -> Bool { (try? reader.find(key.stringValue)) ?? nil != nil }
  func decodeNil(forKey key: Key) throws -> Bool {
    reader.decoding.isNull(try reader.found(key.stringValue).place)
  }

  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try reader.bool(key.stringValue) }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try reader.string(key.stringValue) }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try reader.double(key.stringValue) }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try reader.float(key.stringValue) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try reader.integer(key.stringValue) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try reader.integer(key.stringValue) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try reader.integer(key.stringValue) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try reader.integer(key.stringValue) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try reader.integer(key.stringValue) }
  func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try reader.integer(key.stringValue) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try reader.integer(key.stringValue) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try reader.integer(key.stringValue) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try reader.integer(key.stringValue) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try reader.integer(key.stringValue) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try reader.integer(key.stringValue) }
  func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try reader.integer(key.stringValue) }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try reader.value(type, key.stringValue)
  }

  // Two searches for each, the second of which finds it at once, where the defaults make three.
  func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
    try reader.hasValue(key.stringValue) ? reader.bool(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
    try reader.hasValue(key.stringValue) ? reader.string(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
    try reader.hasValue(key.stringValue) ? reader.double(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? {
    try reader.hasValue(key.stringValue) ? reader.float(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? {
    try reader.hasValue(key.stringValue) ? reader.integer(key.stringValue) : nil
  }
  func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
    try reader.hasValue(key.stringValue) ? reader.value(type, key.stringValue) : nil
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try reader.decoder(key.stringValue).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try reader.decoder(key.stringValue).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { try reader.superDecoder("super") }
  func superDecoder(forKey key: Key) throws -> any Decoder { try reader.superDecoder(key.stringValue) }
}

/// A list being read.
struct BinaryListDecoder: UnkeyedDecodingContainer {
  let decoding: BinaryDecoding
  var at: Int
  let end: Int
  let isBytes: Bool
  let count: Int?
  let depth: Int
  let path: Int
  private(set) var currentIndex = 0

  init(
    decoding: BinaryDecoding, at: Int, end: Int, isBytes: Bool, count: Int, depth: Int, path: Int
  ) {
    (self.decoding, self.at, self.end, self.isBytes) = (decoding, at, end, isBytes)
    (self.count, self.depth, self.path) = (count, depth, path)
  }

  var codingPath: [any CodingKey] { decoding.codingPath(path) }
  var isAtEnd: Bool { at >= end }

  private func place(_ type: any Any.Type) throws -> BinaryDecoding.Place {
    guard at < end else {
      throw DecodingError.valueNotFound(
        type,
        .init(
          codingPath: decoding.codingPath(context),
          debugDescription: "the list has only \(currentIndex) values"))
    }
    return .init(at: at, limit: end, isByte: isBytes)
  }

  private var context: BinaryDecoding.Context { .init(path: path, key: ~currentIndex) }

  private mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
    let place = try place(type)
    let value: Value = try decoding.integer(place, context)
    try advance(place)
    return value
  }

  private mutating func advance(_ place: BinaryDecoding.Place) throws {
    at = try decoding.end(place)
    currentIndex += 1
  }

  mutating func decodeNil() throws -> Bool {
    let place = try place(Never.self)
    guard decoding.isNull(place) else { return false }
    try advance(place)
    return true
  }

  mutating func decode(_ type: Bool.Type) throws -> Bool {
    let place = try place(type)
    let value = try decoding.bool(place, context)
    try advance(place)
    return value
  }
  mutating func decode(_ type: String.Type) throws -> String {
    let place = try place(type)
    let value = try decoding.string(place, context)
    try advance(place)
    return value
  }
  mutating func decode(_ type: Double.Type) throws -> Double {
    let place = try place(type)
    let value = try decoding.double(place, context)
    try advance(place)
    return value
  }
  mutating func decode(_ type: Float.Type) throws -> Float {
    let place = try place(type)
    let value = try decoding.float(place, context)
    try advance(place)
    return value
  }
  mutating func decode(_ type: Int.Type) throws -> Int { try integer(type) }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
  mutating func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
  mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let place = try place(type)
    let value = try decoding.value(type, place, depth: depth, context)
    try advance(place)
    return value
  }

  private mutating func nested<Value>(_ body: (BinaryDecoder) throws -> Value) throws -> Value {
    let place = try place(Value.self)
    let value = try body(
      BinaryDecoder(decoding: decoding, place: place, depth: depth, path: decoding.enter(context))
    )
    try advance(place)
    return value
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> {
    try nested { try $0.container(keyedBy: type) }
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try nested { try $0.unkeyedContainer() }
  }

  mutating func superDecoder() throws -> any Decoder { try nested { $0 } }
}

/// A value that is its own container.
struct BinaryValueDecoder: SingleValueDecodingContainer {
  let decoding: BinaryDecoding
  let place: BinaryDecoding.Place
  let depth: Int
  let path: Int

  var codingPath: [any CodingKey] { decoding.codingPath(path) }
  private var context: BinaryDecoding.Context { .init(path: path) }

  func decodeNil() -> Bool { decoding.isNull(place) }
  func decode(_ type: Bool.Type) throws -> Bool { try decoding.bool(place, context) }
  func decode(_ type: String.Type) throws -> String { try decoding.string(place, context) }
  func decode(_ type: Double.Type) throws -> Double { try decoding.double(place, context) }
  func decode(_ type: Float.Type) throws -> Float { try decoding.float(place, context) }
  func decode(_ type: Int.Type) throws -> Int { try decoding.integer(place, context) }
  func decode(_ type: Int8.Type) throws -> Int8 { try decoding.integer(place, context) }
  func decode(_ type: Int16.Type) throws -> Int16 { try decoding.integer(place, context) }
  func decode(_ type: Int32.Type) throws -> Int32 { try decoding.integer(place, context) }
  func decode(_ type: Int64.Type) throws -> Int64 { try decoding.integer(place, context) }
  func decode(_ type: Int128.Type) throws -> Int128 { try decoding.integer(place, context) }
  func decode(_ type: UInt.Type) throws -> UInt { try decoding.integer(place, context) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try decoding.integer(place, context) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try decoding.integer(place, context) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try decoding.integer(place, context) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try decoding.integer(place, context) }
  func decode(_ type: UInt128.Type) throws -> UInt128 { try decoding.integer(place, context) }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try decoding.value(type, place, depth: depth, context)
  }
}
