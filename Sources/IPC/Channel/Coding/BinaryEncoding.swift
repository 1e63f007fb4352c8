/// Encodes one value into a message's bytes, in one pass: what the value writes is appended where it will stay.
///
/// `Encodable` lets a type write to several containers in any order. So every container that may still be written to is a
/// node, which knows where its bytes lie. A write to a node that isn't at the end any more is made at the end, and then
/// moved to the place where it belongs, which happens rarely. A container's length is known, and written, when the call of
/// `encode(to:)` that opened it returns.
final class BinaryEncoding {
  enum Kind {
    /// Nothing was written yet.
    case open
    /// An empty object was written, to keep the place.
    case reserved
    /// A value that isn't a container.
    case value
    case object, list, bytes
  }

  struct Node {
    var kind: Kind
    /// Where its content begins: after the tag and the length.
    var start: Int
    /// Where it ends; nil: at the end of the storage.
    var end: Int?
    /// The node that it is in; less than its own number, -1 for the whole value.
    let parent: Int
    /// The number of its key, or its index.
    let key: Int
    let depth: Int
    /// How many values a list has.
    var count = 0
  }

  // The properties aren't checked for overlapping accesses: no access to one of them calls anything, and the checks would
  // cost a quarter of the time.
  @safe @exclusivity(unchecked) private(set) var nodes: [Node] = []
  @safe @exclusivity(unchecked) var storage: [UInt8]
  private let base: Int
  /// The innermost node at the end of the storage.
  @safe @exclusivity(unchecked) private var active = -1
  /// Nodes below this one can't be written to while a late write is being made.
  @safe @exclusivity(unchecked) private var lateLimit = -1
  /// What a function that can't throw found.
  private var failure: (any Error)?
  @safe @exclusivity(unchecked) private var isFinished = false

  /// A key's text, and the number of the key that came next the last time.
  private struct Key {
    let text: String
    var next: Int
  }
  @safe @exclusivity(unchecked) private var keys: [Key] = []
  /// Filled once there are too many to look at each.
  @safe @exclusivity(unchecked) private var numbers: [String: Int] = [:]
  @safe @exclusivity(unchecked) private var lastKey = -1

  init(_ storage: [UInt8]) {
    self.storage = storage
    base = storage.count
  }

  /// Writes the value, and the table of keys.
  func encode(_ value: some Encodable) throws {
    defer { isFinished = true }
    do {
      try append(value, parent: -1, key: 0)
    } catch {
      throw failure ?? error
    }
    if let failure { throw failure }
    guard storage[base] == BinaryFormat.Tag.object || storage[base] == BinaryFormat.Tag.list else { return }
    let start = storage.count
    for key in keys {
      storage.append(varint: UInt(key.text.utf8.count))
      storage.append(contentsOf: key.text.utf8)
    }
    let count = storage.count - start
    if count <= 0x7F { return storage.insert(UInt8(count), at: start) }
    var length: [UInt8] = []
    length.append(varint: UInt(count))
    storage.insert(contentsOf: length, at: start)
  }

  // MARK: Keys

  private func number(of key: String) -> Int {
    let guess = lastKey < 0 ? 0 : keys[lastKey].next
    if guess < keys.count, keys[guess].text == key {
      lastKey = guess
      return guess
    }
    let number = known(key) ?? add(key)
    if lastKey >= 0 { keys[lastKey].next = number }
    lastKey = number
    return number
  }

  private func known(_ key: String) -> Int? {
    keys.count <= BinaryFormat.linearSearch ? keys.firstIndex { $0.text == key } : numbers[key]
  }

  private func add(_ key: String) -> Int {
    let number = keys.count
    if number == 0 { keys.reserveCapacity(BinaryFormat.linearSearch) }
    keys.append(Key(text: key, next: number + 1))
    if keys.count == BinaryFormat.linearSearch + 1 {
      for (number, key) in keys.enumerated() { numbers[key.text] = number }
    } else if keys.count > BinaryFormat.linearSearch {
      numbers[key] = number
    }
    return number
  }

  func path(_ node: Int) -> [any CodingKey] {
    var path: [any CodingKey] = []
    var node = node
    while node >= 0, node < nodes.count, nodes[node].parent >= 0 {
      let key = nodes[node].key
      let isInObject = nodes[nodes[node].parent].kind == .object
      path.append(isInObject ? BinaryKey(stringValue: keys[key].text) : BinaryKey(intValue: key))
      node = nodes[node].parent
    }
    return path.reversed()
  }

  // MARK: Places

  /// Makes a node the innermost at the end of the storage. False: it has been left, and something else was written after it.
  private func reach(_ node: Int) -> Bool {
    if node == active { return true }
    var ancestor = active
    while ancestor > node { ancestor = nodes[ancestor].parent }
    guard ancestor == node else { return false }
    while active != node {
      if nodes[active].kind == .open { reserve(active) }
      nodes[active].end = storage.count
      active = nodes[active].parent
    }
    return true
  }

  private func reserve(_ node: Int) {
    storage.append(BinaryFormat.Tag.object)
    storage.append(0)
    nodes[node].start = storage.count
    nodes[node].kind = .reserved
  }

  /// Takes back what `reserve` wrote.
  private func unreserve(_ node: Int) {
    let start = nodes[node].start
    storage.removeSubrange((start - BinaryFormat.containerHead)..<start)
    shift(from: start, by: -BinaryFormat.containerHead, in: node)
    nodes[node].start -= BinaryFormat.containerHead
    nodes[node].kind = .open
  }

  /// Bytes were inserted into a node: moves the nodes behind them.
  private func shift(from place: Int, by count: Int, in node: Int) {
    var containing = node
    for other in nodes.indices.reversed() {
      if other == containing {
        if let end = nodes[other].end { nodes[other].end = end + count }
        containing = nodes[other].parent
      } else if nodes[other].start >= place {
        nodes[other].start += count
        if let end = nodes[other].end { nodes[other].end = end + count }
      }
    }
  }

  /// Lets `body` append to the storage what then lies at the end of a node. If it throws, nothing was written.
  private func write(in node: Int, _ body: () throws -> Void) throws {
    guard !isFinished, node < nodes.count else {
      throw misuse("a container is used after its value was encoded")
    }
    guard node >= lateLimit else { throw misuse("a container is used while another is being encoded into") }
    let isLate = !reach(node)
    let start = storage.count
    let count = nodes.count
    let wasActive = active
    let wasLimit = lateLimit
    if isLate {
      lateLimit = nodes.count
      active = node
    }
    defer {
      if isLate { active = wasActive }
      lateLimit = wasLimit
    }
    do {
      try body()
    } catch {
      if nodes.count > count { nodes.removeLast(nodes.count - count) }
      if active >= count { active = node }
      if storage.count > start, isLate || nodes[node].end == nil { storage.removeSubrange(start...) }
      throw error
    }
    guard isLate, let end = nodes[node].end else { return }
    let piece = storage[start...]
    storage.replaceSubrange(start..., with: EmptyCollection())
    storage.insert(contentsOf: piece, at: end)
    shift(from: end, by: piece.count, in: node)
  }

  // MARK: Values

  /// Writes a value with its key into an object, or without into a list.
  func append(in node: Int, key: String?, _ body: (Int) throws -> Void) throws {
    if node < nodes.count, nodes[node].kind == .bytes { unpack(node) }
    try write(in: node) {
      let number: Int
      if let key {
        number = self.number(of: key)
        storage.append(varint: UInt(number))
      } else {
        number = nodes[node].count
      }
      try body(number)
    }
    nodes[node].count += 1
  }

  /// A byte of a list. A list of bytes alone is written as such.
  func append(byte: UInt8, in node: Int) throws {
    try write(in: node) {
      if nodes[node].kind == .list, nodes[node].count == 0 {
        nodes[node].kind = .bytes
        storage[nodes[node].start - BinaryFormat.containerHead] = BinaryFormat.Tag.bytes
      }
      if nodes[node].kind == .bytes { storage.append(byte) } else { storage.append(binary: byte) }
    }
    nodes[node].count += 1
  }

  /// Bytes of a list.
  func append(bytes: [UInt8], in node: Int) throws {
    guard let first = bytes.first else { return }
    try append(byte: first, in: node)
    guard nodes[node].kind == .bytes else {
      for byte in bytes.dropFirst() { try append(byte: byte, in: node) }
      return
    }
    try write(in: node) { storage.append(contentsOf: bytes[1...]) }
    nodes[node].count += bytes.count - 1
  }

  /// Makes a list of any values of a list of bytes.
  private func unpack(_ node: Int) {
    let (start, end) = (nodes[node].start, nodes[node].end ?? storage.count)
    var values: [UInt8] = []
    for byte in storage[start..<end] { values.append(binary: byte) }
    storage.replaceSubrange(start..<end, with: values)
    storage[start - BinaryFormat.containerHead] = BinaryFormat.Tag.list
    nodes[node].kind = .list
    if nodes[node].end != nil { shift(from: end, by: values.count - (end - start), in: node) }
  }

  /// Writes a value of any type, and closes the containers that it opened.
  func append<Value: Encodable>(_ value: Value, parent: Int, key: Int) throws {
    if appendPrimitive(value) { return }
    let depth = parent < 0 ? 0 : nodes[parent].depth + 1
    guard depth <= BinaryFormat.deepest else { throw tooDeep(parent) }
    let node = nodes.count
    nodes.append(Node(kind: .open, start: storage.count, parent: parent, key: key, depth: depth))
    let outer = active
    active = node
    try value.encode(to: BinaryEncoder(encoding: self, node: node))
    close(from: node)
    if active >= node { active = outer }
  }

  /// Writes a value that isn't a container: the only one of its node.
  func set(_ node: Int, _ body: () throws -> Void) throws {
    guard !isFinished, node < nodes.count else {
      throw misuse("a container is used after its value was encoded")
    }
    if nodes[node].kind == .reserved { unreserve(node) }
    guard nodes[node].kind == .open else {
      throw misuse("a second value is encoded in place of a first one", node)
    }
    try write(in: node, body)
    nodes[node].kind = .value
  }

  /// Opens the container of a node.
  func open(_ node: Int, as kind: Kind) -> Bool {
    guard !isFinished, node < nodes.count else { return false }
    switch nodes[node].kind {
    case .open:
      guard nodes[node].depth < BinaryFormat.deepest else {
        if failure == nil { failure = tooDeep(node) }
        return false
      }
      if !reach(node) { return false }
      reserve(node)
    case .reserved: break
    case .bytes where kind == .list: return true
    case kind: return true
    default:
      if failure == nil { failure = misuse("a second container is opened in place of a first value", node) }
      return false
    }
    nodes[node].kind = kind
    storage[nodes[node].start - BinaryFormat.containerHead] =
      kind == .object ? BinaryFormat.Tag.object : BinaryFormat.Tag.list
    return true
  }

  /// Opens a container in another one, which may be written to until the outer one is closed. Returns its node.
  func nest(in outer: Int, key: String?, as kind: Kind) -> Int {
    let node = nodes.count
    do {
      guard outer < nodes.count, nodes[outer].depth + 1 < BinaryFormat.deepest else { throw tooDeep(outer) }
      var number = 0
      try append(in: outer, key: key) { found in
        number = found
        storage.append(kind == .list ? BinaryFormat.Tag.list : BinaryFormat.Tag.object)
        storage.append(0)
      }
      let end = nodes[outer].end
      nodes.append(
        Node(
          kind: kind, start: end ?? storage.count, end: end, parent: outer, key: number,
          depth: nodes[outer].depth + 1))
      if end == nil { active = node }
      return node
    } catch {
      if failure == nil { failure = error }
      return Int.max
    }
  }

  /// Writes the lengths of the containers from a node on: inner ones first.
  private func close(from first: Int) {
    for node in (first..<nodes.count).reversed() {
      switch nodes[node].kind {
      case .open:
        reserve(node)
      case .reserved, .value: break
      case .object, .list, .bytes:
        let start = nodes[node].start
        let count = (nodes[node].end ?? storage.count) - start
        if count <= 0x7F {
          storage[start - 1] = UInt8(count)
        } else {
          var length: [UInt8] = []
          length.append(varint: UInt(count))
          storage.replaceSubrange((start - 1)..<start, with: length)
          shift(from: start, by: length.count - 1, in: node)
        }
      }
    }
    nodes.removeLast(nodes.count - first)
  }

  // MARK: Errors

  private func misuse(_ sentence: String, _ node: Int = -1) -> EncodingError {
    .invalidValue(node, .init(codingPath: path(node), debugDescription: sentence))
  }

  private func tooDeep(_ node: Int) -> EncodingError {
    .invalidValue(
      node,
      .init(
        codingPath: Array(path(node).prefix(4)),
        debugDescription: "the value has more than \(BinaryFormat.deepest) containers in one another"))
  }
}

extension BinaryEncoding {
  /// Writes a string, a number or a Boolean; returns false for a value of another type. A generic call doesn't find the
  /// overload for these types, and their own `encode(to:)` would need several calls.
  func appendPrimitive<Value>(_ value: Value) -> Bool {
    func cast<Other>(_ type: Other.Type) -> Other { unsafe unsafeBitCast(value, to: type) }
    if Value.self == String.self {
      storage.append(binary: cast(String.self))
    } else if Value.self == Int.self {
      storage.append(binary: cast(Int.self))
    } else if Value.self == Double.self {
      storage.append(binary: cast(Double.self))
    } else if Value.self == Bool.self {
      storage.append(binary: cast(Bool.self))
    } else if Value.self == UInt64.self {
      storage.append(binary: cast(UInt64.self))
    } else if Value.self == UInt32.self {
      storage.append(binary: cast(UInt32.self))
    } else if Value.self == Int32.self {
      storage.append(binary: cast(Int32.self))
    } else if Value.self == Int64.self {
      storage.append(binary: cast(Int64.self))
    } else if Value.self == UInt.self {
      storage.append(binary: cast(UInt.self))
    } else if Value.self == Int16.self {
      storage.append(binary: cast(Int16.self))
    } else if Value.self == UInt16.self {
      storage.append(binary: cast(UInt16.self))
    } else if Value.self == UInt8.self {
      storage.append(binary: cast(UInt8.self))
    } else if Value.self == Float.self {
      storage.append(binary: cast(Float.self))
    } else if Value.self == [UInt8].self {
      let bytes = cast([UInt8].self)
      storage.append(BinaryFormat.Tag.bytes)
      storage.append(varint: UInt(bytes.count))
      storage.append(contentsOf: bytes)
    } else {
      return false
    }
    return true
  }
}
