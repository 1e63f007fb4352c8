extension BinaryDecoding {
  /// Where a value is: the path to its container, and the key's number in it, or the complement of an index.
  struct Context {
    let path: Int
    var key = Context.none

    /// The value of the path itself.
    static let none = Int.max
  }

  func error(_ what: String, _ context: Context) -> DecodingError {
    .dataCorrupted(.init(codingPath: codingPath(context), debugDescription: what))
  }

  func mismatch(_ type: any Any.Type, _ place: Place, _ context: Context) -> DecodingError {
    let path = codingPath(context)
    if isNull(place) {
      return .valueNotFound(
        type, .init(codingPath: path, debugDescription: "expected \(type), found null"))
    }
    return .typeMismatch(
      type, .init(codingPath: path, debugDescription: "expected \(type), found \(name(place))"))
  }

  private func name(_ place: Place) -> String {
    if place.isByte { return "a number" }
    switch bytes[place.at] {
    case ..<0x80, BinaryFormat.Tag.positive, BinaryFormat.Tag.negative: return "a number"
    case BinaryFormat.Tag.float, BinaryFormat.Tag.double: return "a number"
    case BinaryFormat.Tag.no, BinaryFormat.Tag.yes: return "a Boolean"
    case BinaryFormat.Tag.list, BinaryFormat.Tag.bytes: return "a list"
    case BinaryFormat.Tag.object: return "an object"
    default: return "a text"
    }
  }

  func isNull(_ place: Place) -> Bool {
    !place.isByte && (place.at < 0 || bytes[place.at] == BinaryFormat.Tag.null)
  }

  /// Where a value ends.
  func end(_ place: Place) throws(ChannelError) -> Int {
    if place.at < 0 { return 0 }
    return place.isByte ? place.at + 1 : try skip(place.at, place.limit)
  }

  // MARK: Single values

  private func tag(_ place: Place) -> UInt8 {
    // A place is only made where a byte is.
    place.at < 0 ? BinaryFormat.Tag.null : bytes[place.at]
  }

  func bool(_ place: Place, _ context: Context) throws -> Bool {
    if !place.isByte {
      let tag = tag(place)
      if tag == BinaryFormat.Tag.yes { return true }
      if tag == BinaryFormat.Tag.no { return false }
    }
    throw mismatch(Bool.self, place, context)
  }

  func string(_ place: Place, _ context: Context) throws -> String {
    let tag = tag(place)
    guard !place.isByte, tag >= BinaryFormat.Tag.text else { throw mismatch(String.self, place, context) }
    var at = place.at + 1
    let count: Int
    if tag == BinaryFormat.Tag.text {
      count = try self.count(&at, place.limit)
    } else if tag & ~BinaryFormat.Tag.shortTextMask == BinaryFormat.Tag.shortText {
      count = Int(tag & BinaryFormat.Tag.shortTextMask)
      guard count <= place.limit - at else { throw BinaryFormat.cutOff(place.at) }
    } else {
      throw mismatch(String.self, place, context)
    }
    guard let text = text(at..<(at + count)) else {
      throw error("text that isn't UTF-8", context)
    }
    return text
  }

  func integer<Value: FixedWidthInteger>(_ place: Place, _ context: Context) throws -> Value {
    let tag = tag(place)
    if place.isByte || tag < 0x80 {
      guard let value = Value(exactly: tag) else { throw unfit(Value.self, tag, context) }
      return value
    }
    var at = place.at + 1
    switch tag {
    case BinaryFormat.Tag.positive, BinaryFormat.Tag.negative:
      if Value.bitWidth <= 64 {
        let bits = try varint(&at, place.limit, as: UInt64.self)
        return try integer(bits, tag == BinaryFormat.Tag.negative, context)
      }
      let bits = try varint(&at, place.limit, as: UInt128.self)
      return try integer(bits, tag == BinaryFormat.Tag.negative, context)
    case BinaryFormat.Tag.float, BinaryFormat.Tag.double:
      // As in JSON, which doesn't tell 1.0 from 1.
      let number = try double(place, context)
      guard let value = Value(exactly: number) else { throw unfit(Value.self, number, context) }
      return value
    default: throw mismatch(Value.self, place, context)
    }
  }

  private func integer<Value: FixedWidthInteger>(
    _ bits: some FixedWidthInteger & UnsignedInteger, _ isNegative: Bool, _ context: Context
  ) throws -> Value {
    guard let magnitude = Value(exactly: bits) else { throw unfit(Value.self, bits, context) }
    if !isNegative { return magnitude }
    guard Value.isSigned else { throw unfit(Value.self, "a negative number", context) }
    return ~magnitude
  }

  private func unfit(_ type: any Any.Type, _ value: Any, _ context: Context) -> DecodingError {
    error("\(value) doesn't fit \(type)", context)
  }

  func double(_ place: Place, _ context: Context) throws -> Double {
    let tag = tag(place)
    if place.isByte || tag < 0x80 { return Double(tag) }
    switch tag {
    case BinaryFormat.Tag.double: return Double(bitPattern: try bits(place))
    case BinaryFormat.Tag.float: return Double(Float(bitPattern: try bits(place)))
    case BinaryFormat.Tag.positive, BinaryFormat.Tag.negative:
      return Double(try integer(place, context) as Int128)
    default: throw mismatch(Double.self, place, context)
    }
  }

  func float(_ place: Place, _ context: Context) throws -> Float {
    if tag(place) == BinaryFormat.Tag.float, !place.isByte { return Float(bitPattern: try bits(place)) }
    let wide = try double(place, context)
    let value = Float(wide)
    guard value.isFinite || !wide.isFinite else { throw unfit(Float.self, wide, context) }
    return value
  }

  private func bits<Bits: FixedWidthInteger & BitwiseCopyable>(_ place: Place) throws(ChannelError) -> Bits {
    let at = place.at + 1
    guard MemoryLayout<Bits>.size <= place.limit - at else { throw BinaryFormat.cutOff(place.at) }
    return unsafe bytes.withUnsafeBytes {
      Bits(littleEndian: unsafe $0.loadUnaligned(fromByteOffset: at, as: Bits.self))
    }
  }

  // MARK: Any type

  /// A value of any type.
  /// - Parameter depth: how many containers it is in.
  func value<Value: Decodable>(
    _ type: Value.Type, _ place: Place, depth: Int, _ context: Context
  ) throws -> Value {
    // A generic call doesn't find the functions for these types, and their own `init(from:)` would need several calls.
    func cast<Other>(_ value: Other) -> Value { unsafe unsafeBitCast(value, to: Value.self) }
    if type == String.self { return cast(try string(place, context)) }
    if type == Int.self { return cast(try integer(place, context) as Int) }
    if type == Double.self { return cast(try double(place, context)) }
    if type == Bool.self { return cast(try bool(place, context)) }
    if type == UInt64.self { return cast(try integer(place, context) as UInt64) }
    if type == UInt32.self { return cast(try integer(place, context) as UInt32) }
    if type == Int32.self { return cast(try integer(place, context) as Int32) }
    if type == Int64.self { return cast(try integer(place, context) as Int64) }
    if type == UInt.self { return cast(try integer(place, context) as UInt) }
    if type == Int16.self { return cast(try integer(place, context) as Int16) }
    if type == UInt16.self { return cast(try integer(place, context) as UInt16) }
    if type == UInt8.self { return cast(try integer(place, context) as UInt8) }
    if type == Float.self { return cast(try float(place, context)) }
    if !place.isByte, place.at >= 0, bytes[place.at] == BinaryFormat.Tag.bytes,
      let value = try bytes(type, place)
    {
      return value
    }
    if context.key == Context.none {
      return try Value(from: BinaryDecoder(decoding: self, place: place, depth: depth, path: context.path))
    }
    let steps = self.steps
    defer { leave(to: steps) }
    return try Value(from: BinaryDecoder(decoding: self, place: place, depth: depth, path: enter(context)))
  }

  /// A list of bytes, for the types that are one: it would be read byte by byte.
  private func bytes<Value: Decodable>(_ type: Value.Type, _ place: Place) throws -> Value? {
    let isArray = type == [UInt8].self
    // The coding of any other collection of bytes is the type's own affair.
    let isData =
      !isArray && ["Foundation.Data", "FoundationEssentials.Data"].contains(String(reflecting: type))
    guard isArray || isData else { return nil }
    var at = place.at + 1
    let count = try count(&at, place.limit)
    let found = Array(bytes[at..<(at + count)])
    if isArray { return unsafe unsafeBitCast(found, to: Value.self) }
    guard let collection = type as? any RangeReplaceableCollection<UInt8>.Type else { return nil }
    func make<Bytes: RangeReplaceableCollection<UInt8>>(_ type: Bytes.Type) -> Value? {
      Bytes(found) as? Value
    }
    return make(collection)
  }
}
