/// Decodes one value from a message's bytes, which may be anything. Every length is checked against the bytes of the container
/// that it is in, and nothing is allocated by a number alone.
///
/// It has a copy of the bytes, made once: a type may keep its decoder, and the message's own memory is the transport's.
final class BinaryDecoding {
  /// Where a value is.
  struct Place {
    /// The offset of its tag; -1: nowhere, which reads as null.
    let at: Int
    /// Where the container ends that it is in.
    let limit: Int
    /// An element of a list of bytes: the value is the byte itself.
    var isByte = false

    static let nowhere = Place(at: -1, limit: 0)
  }

  // The variables aren't checked for overlapping accesses: no access to one of them calls anything, and the checks cost time.
  let bytes: [UInt8]
  let root: Place
  /// The texts of the keys, by their numbers.
  let keys: [String]
  @safe @exclusivity(unchecked) private var numbers: [String: Int] = [:]
  /// For large objects and those that have a key twice: the offset of the value, by the key's number.
  @safe @exclusivity(unchecked) private var indexes: [Int: [Int: Int]] = [:]
  /// The object that was read last, by its first byte, and where its next entry is: usually the one that is wanted.
  @safe @exclusivity(unchecked) private var object = -1
  @safe @exclusivity(unchecked) private var cursor = 0
  /// The keys and indexes that lead to the values being read.
  @safe @exclusivity(unchecked) private var path: [(outer: Int, key: Int)] = []

  /// Copies the value that begins at the reader's position, and reads past it.
  init(_ reader: inout MessageReader) throws(ChannelError) {
    let start = reader.offset
    let all = reader.bytes
    var end = try BinaryFormat.end(all, start, all.count)
    var keys: [String] = []
    let table = end
    if all[start] == BinaryFormat.Tag.object || all[start] == BinaryFormat.Tag.list {
      var at = end
      let count = try BinaryFormat.count(all, &at, all.count)
      end = at + count
      while at < end {
        let count = try BinaryFormat.count(all, &at, end)
        guard let key = BinaryFormat.text(all.extracting(at..<(at + count))) else {
          throw .invalid("a key that isn't UTF-8")
        }
        at += count
        keys.append(key)
      }
    }
    self.keys = keys
    bytes = try reader.array(count: end - start)
    root = Place(at: 0, limit: table - start)
    guard hasEachOnce() else { throw .invalid("a table of keys that has a key twice") }
  }

  private func hasEachOnce() -> Bool {
    if keys.count <= BinaryFormat.linearSearch {
      for (index, key) in keys.enumerated() where keys[..<index].contains(key) { return false }
      return true
    }
    numbers.reserveCapacity(keys.count)
    for (index, key) in keys.enumerated() {
      if numbers.updateValue(index, forKey: key) != nil { return false }
    }
    return true
  }

  private func number(of key: String) -> Int? {
    keys.count <= BinaryFormat.linearSearch ? keys.firstIndex(of: key) : numbers[key]
  }

  // MARK: Bytes

  // Each takes the bytes as a local value first: a span of a property would outlive the access to it.

  /// Where a value ends.
  func skip(_ start: Int, _ limit: Int) throws(ChannelError) -> Int {
    let bytes = self.bytes
    return try BinaryFormat.end(bytes.span, start, limit)
  }

  func count(_ at: inout Int, _ limit: Int) throws(ChannelError) -> Int {
    let bytes = self.bytes
    return try BinaryFormat.count(bytes.span, &at, limit)
  }

  func varint<Value: FixedWidthInteger & UnsignedInteger>(
    _ at: inout Int, _ limit: Int, as type: Value.Type
  ) throws(ChannelError) -> Value {
    let bytes = self.bytes
    return try BinaryFormat.varint(bytes.span, &at, limit, as: type)
  }

  func text(_ range: Range<Int>) -> String? {
    let bytes = self.bytes
    return BinaryFormat.text(bytes.span.extracting(range))
  }

  // MARK: Objects

  /// An object's entries, each looked at once when its container is opened.
  struct Object {
    let start: Int
    let end: Int
    var count = 0
    /// Whether a key may be there twice.
    var mayRepeat = false
  }

  func object(_ start: Int, _ end: Int) throws(ChannelError) -> Object {
    var object = Object(start: start, end: end)
    var at = start
    var seen: UInt64 = 0
    var largest = -1
    while at < end {
      let key = try key(&at, end)
      if key > largest {
        largest = key
      } else if key >= 64 || seen & (1 << UInt64(key)) != 0 {
        object.mayRepeat = true
      }
      if key < 64 { seen |= 1 << UInt64(key) }
      at = try skip(at, end)
      object.count += 1
    }
    return object
  }

  private func key(_ at: inout Int, _ end: Int) throws(ChannelError) -> Int {
    let key = try varint(&at, end, as: UInt64.self)
    guard key < UInt64(keys.count) else { throw .invalid("the key \(key) where \(keys.count) are known") }
    return Int(key)
  }

  /// The value of a key, and the key's number; nil: there is none. Of a key that is there twice, the last counts.
  func find(_ key: String, in container: Object) throws(ChannelError) -> (place: Place, key: Int)? {
    if !container.mayRepeat {
      var at = object == container.start ? cursor : container.start
      if at < container.end {
        let number = try self.key(&at, container.end)
        if keys[number] == key { return (Place(at: at, limit: container.end), number) }
      }
    }
    guard let number = number(of: key) else { return nil }
    if container.mayRepeat || container.count > BinaryFormat.linearSearch {
      guard let at = try index(container)[number] else { return nil }
      return (Place(at: at, limit: container.end), number)
    }
    var at = container.start
    while at < container.end {
      let found = try self.key(&at, container.end)
      if found == number { return (Place(at: at, limit: container.end), number) }
      at = try skip(at, container.end)
    }
    return nil
  }

  private func index(_ container: Object) throws(ChannelError) -> [Int: Int] {
    if let known = indexes[container.start] { return known }
    var index: [Int: Int] = [:]
    var at = container.start
    while at < container.end {
      let key = try key(&at, container.end)
      index[key] = at
      at = try skip(at, container.end)
    }
    indexes[container.start] = index
    return index
  }

  /// Notes that an object was read up to an offset.
  func advance(_ container: Object, to at: Int) {
    object = container.start
    cursor = at
  }

  /// The numbers of an object's keys, each once.
  func keys(of container: Object) -> [Int] {
    var found: [Int] = []
    found.reserveCapacity(container.count)
    var at = container.start
    while at < container.end, let key = try? key(&at, container.end),
      let next = try? skip(at, container.end)
    {
      found.append(key)
      at = next
    }
    if container.mayRepeat {
      var seen: Set<Int> = []
      found.removeAll { !seen.insert($0).inserted }
    }
    return found
  }

  // MARK: Paths

  /// Adds a step to a path, and returns the new path.
  func enter(_ context: Context) -> Int {
    path.append((context.path, context.key))
    return path.count - 1
  }

  var steps: Int { path.count }
  func leave(to steps: Int) { if path.count > steps { path.removeLast(path.count - steps) } }

  func codingPath(_ context: Context) -> [any CodingKey] { codingPath(context.path) + step(context.key) }

  private func step(_ key: Int) -> [any CodingKey] {
    if key < 0 { return [BinaryKey(intValue: ~key)] }
    return key < keys.count ? [BinaryKey(stringValue: keys[key])] : []
  }

  func codingPath(_ place: Int) -> [any CodingKey] {
    var found: [any CodingKey] = []
    var place = place
    while place >= 0, place < path.count {
      let (outer, key) = path[place]
      found += step(key)
      // Only what was entered before leads to it.
      guard outer < place else { break }
      place = outer
    }
    return found.reversed()
  }
}

// MARK: Bytes

extension BinaryFormat {
  /// Where the value ends that begins at an offset.
  static func end(_ bytes: Span<UInt8>, _ start: Int, _ limit: Int) throws(ChannelError) -> Int {
    guard start < limit else { throw cutOff(start) }
    let tag = bytes[start]
    var at = start + 1
    switch tag {
    case ..<0x80, Tag.null, Tag.no, Tag.yes: return at
    case Tag.shortText...(Tag.shortText | Tag.shortTextMask): at += Int(tag & Tag.shortTextMask)
    case Tag.float: at += 4
    case Tag.double: at += 8
    case Tag.text, Tag.bytes, Tag.list, Tag.object: at += try count(bytes, &at, limit)
    case Tag.positive, Tag.negative:
      while at < limit, bytes[at] >= 0x80 { at += 1 }
      at += 1
    default: throw .invalid("the unknown tag \(tag) at byte \(start)")
    }
    guard at <= limit else { throw cutOff(start) }
    return at
  }

  static func cutOff(_ at: Int) -> ChannelError { .invalid("the value at byte \(at) isn't whole") }

  /// A length: not more than the bytes that are there.
  static func count(_ bytes: Span<UInt8>, _ at: inout Int, _ limit: Int) throws(ChannelError) -> Int {
    let start = at
    let count = try varint(bytes, &at, limit)
    guard count <= UInt64(limit - at) else { throw cutOff(start) }
    return Int(count)
  }

  static func varint(_ bytes: Span<UInt8>, _ at: inout Int, _ limit: Int) throws(ChannelError) -> UInt64 {
    guard at < limit else { throw cutOff(at) }
    let first = bytes[at]
    if first < 0x80 {
      at += 1
      return UInt64(first)
    }
    return try varint(bytes, &at, limit, as: UInt64.self)
  }

  static func varint<Value: FixedWidthInteger & UnsignedInteger>(
    _ bytes: Span<UInt8>, _ at: inout Int, _ limit: Int, as type: Value.Type
  ) throws(ChannelError) -> Value {
    let start = at
    var value: Value = 0
    var shift = 0
    while at < limit {
      let byte = bytes[at]
      at += 1
      let bits = Value(byte & 0x7F)
      guard shift < Value.bitWidth, (bits << shift) >> shift == bits else {
        throw .invalid("a number that is too large at byte \(start)")
      }
      value |= bits << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw cutOff(start)
  }

  static func text(_ bytes: Span<UInt8>) -> String? {
    unsafe bytes.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
  }
}
