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
        decoding: decoding, object: try decoding.object(start, end), depth: depth + 1, path: path))
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

/// An object being read.
struct BinaryKeyedDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let decoding: BinaryDecoding
  let object: BinaryDecoding.Object
  let depth: Int
  let path: Int

  var codingPath: [any CodingKey] { decoding.codingPath(path) }
  var allKeys: [Key] { decoding.keys(of: object).compactMap { Key(stringValue: decoding.keys[$0]) } }

  func contains(_ key: Key) -> Bool { (try? decoding.find(key.stringValue, in: object)) ?? nil != nil }

  private func found(_ key: any CodingKey) throws -> (place: BinaryDecoding.Place, key: Int) {
    guard let found = try decoding.find(key.stringValue, in: object) else {
      throw DecodingError.keyNotFound(
        key,
        .init(codingPath: codingPath, debugDescription: "there is no value for the key \(key.stringValue)"))
    }
    return found
  }

  private func read<Value>(
    _ key: Key, _ body: (BinaryDecoding.Place, BinaryDecoding.Context) throws -> Value
  ) throws -> Value {
    let (place, _) = try found(key)
    let value = try body(place, .init(path: path, key: key))
    decoding.advance(object, to: try decoding.end(place))
    return value
  }

  private func readIfPresent<Value>(
    _ key: Key, _ body: (BinaryDecoding.Place, BinaryDecoding.Context) throws -> Value
  ) throws -> Value? {
    guard let (place, _) = try decoding.find(key.stringValue, in: object) else { return nil }
    let value = decoding.isNull(place) ? nil : try body(place, .init(path: path, key: key))
    decoding.advance(object, to: try decoding.end(place))
    return value
  }

  func decodeNil(forKey key: Key) throws -> Bool {
    let (place, _) = try found(key)
    return decoding.isNull(place)
  }

  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try read(key, decoding.bool) }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try read(key, decoding.string) }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try read(key, decoding.double) }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try read(key, decoding.float) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try read(key, decoding.integer) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try read(key, decoding.integer) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try read(key, decoding.integer) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try read(key, decoding.integer) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try read(key, decoding.integer) }
  func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try read(key, decoding.integer) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try read(key, decoding.integer) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try read(key, decoding.integer) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try read(key, decoding.integer) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try read(key, decoding.integer) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try read(key, decoding.integer) }
  func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try read(key, decoding.integer) }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    let (place, number) = try found(key)
    let value = try decoding.value(type, place, depth: depth, path: path, key: number)
    decoding.advance(object, to: try decoding.end(place))
    return value
  }

  // One search for each, where the defaults make three.
  func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
    try readIfPresent(key, decoding.bool)
  }
  func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
    try readIfPresent(key, decoding.string)
  }
  func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
    try readIfPresent(key, decoding.double)
  }
  func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
    try readIfPresent(key, decoding.integer)
  }

  func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
    guard let (place, number) = try decoding.find(key.stringValue, in: object) else { return nil }
    let value =
      decoding.isNull(place) ? nil : try decoding.value(type, place, depth: depth, path: path, key: number)
    decoding.advance(object, to: try decoding.end(place))
    return value
  }

  private func decoder(_ place: BinaryDecoding.Place, _ key: Int) -> BinaryDecoder {
    BinaryDecoder(decoding: decoding, place: place, depth: depth, path: decoding.enter(path, key))
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    let (place, number) = try found(key)
    return try decoder(place, number).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    let (place, number) = try found(key)
    return try decoder(place, number).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { try superDecoder(BinaryKey(stringValue: "super")) }
  func superDecoder(forKey key: Key) throws -> any Decoder { try superDecoder(key) }

  private func superDecoder(_ key: any CodingKey) throws -> any Decoder {
    // As JSONDecoder: where there is none, it is null.
    guard let (place, number) = try decoding.find(key.stringValue, in: object) else {
      return BinaryDecoder(decoding: decoding, place: .nowhere, depth: depth, path: path)
    }
    return decoder(place, number)
  }
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
          codingPath: decoding.codingPath(path, BinaryKey(intValue: currentIndex)),
          debugDescription: "the list has only \(currentIndex) values"))
    }
    return .init(at: at, limit: end, isByte: isBytes)
  }

  private mutating func read<Value>(
    _ body: (BinaryDecoding.Place, BinaryDecoding.Context) throws -> Value
  ) throws -> Value {
    let place = try place(Value.self)
    let value = try body(place, .init(path: path, key: BinaryKey(intValue: currentIndex)))
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

  mutating func decode(_ type: Bool.Type) throws -> Bool { try read(decoding.bool) }
  mutating func decode(_ type: String.Type) throws -> String { try read(decoding.string) }
  mutating func decode(_ type: Double.Type) throws -> Double { try read(decoding.double) }
  mutating func decode(_ type: Float.Type) throws -> Float { try read(decoding.float) }
  mutating func decode(_ type: Int.Type) throws -> Int { try read(decoding.integer) }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try read(decoding.integer) }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try read(decoding.integer) }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try read(decoding.integer) }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try read(decoding.integer) }
  mutating func decode(_ type: Int128.Type) throws -> Int128 { try read(decoding.integer) }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try read(decoding.integer) }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try read(decoding.integer) }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try read(decoding.integer) }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try read(decoding.integer) }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try read(decoding.integer) }
  mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try read(decoding.integer) }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let place = try place(type)
    let value = try decoding.value(type, place, depth: depth, path: path, key: ~currentIndex)
    try advance(place)
    return value
  }

  private mutating func nested<Value>(_ body: (BinaryDecoder) throws -> Value) throws -> Value {
    let place = try place(Value.self)
    let value = try body(
      BinaryDecoder(decoding: decoding, place: place, depth: depth, path: decoding.enter(path, ~currentIndex))
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
    try decoding.value(type, place, depth: depth, path: path)
  }
}
