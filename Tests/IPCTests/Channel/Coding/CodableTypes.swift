import Foundation
import IPC

// The types of the tests of the binary coding: one for each thing that a coding does with Codable.

struct Plain: Codable, Hashable, Message {
  var id: UInt32 = 7
  var url = "https://example.org/"
  var depth = -3
  var ratio = 0.5
  var isDone = true
}

struct Numbers: Codable, Hashable, Message {
  var values: [Int] = [.min, -129, -128, -1, 0, 1, 127, 128, 255, 256, .max]
  var i8 = Int8.min
  var i16 = Int16.min
  var i32 = Int32.min
  var i64 = Int64.min
  var u = UInt.max
  var u8 = UInt8.max
  var u16 = UInt16.max
  var u32 = UInt32.max
  var u64 = UInt64.max
  var f: Float = 1.0 / 3
  var d = 1.0 / 3
  var doubles = [0, -0.5, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e-9, 12]
}

struct Wide: Codable, Hashable, Message {
  var low = Int128.min
  var high = UInt128.max
  var list: [Int128] = [-1, 0, 1 << 70, .max]
}

indirect enum Tree: Codable, Hashable, Message {
  case leaf
  case node(Tree, Int, right: Tree)
  case named(name: String)
  case flag(Bool?)
}

enum Colour: String, Codable, CaseIterable, Hashable, Message { case red, green, blue }
enum Level: Int, Codable, Hashable, Message { case low = -5, high = 1000 }
enum Byte: UInt8, Codable, Hashable, Message { case first = 1, last = 255 }

struct Options: Codable, Hashable, Message {
  var a: Int?
  var b: String?
  var c: [Int?] = [nil, 1, nil]
  var d: Plain?
  var e: [String: Int?] = ["x": nil, "y": 2]
  var f: Colour?
  var g: [[Bool?]?] = [nil, [true, nil]]
}

/// Writes nil as null, where a synthesized coding leaves it out.
struct ExplicitNull: Codable, Hashable, Message {
  var value: Int?
  var hadKey = true
  enum CodingKeys: String, CodingKey { case value }
  init(value: Int?) { self.value = value }
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    hadKey = container.contains(.value)
    value = try container.decodeNil(forKey: .value) ? nil : container.decode(Int.self, forKey: .value)
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    if let value {
      try container.encode(value, forKey: .value)
    } else {
      try container.encodeNil(forKey: .value)
    }
  }
}

struct Dictionaries: Codable, Hashable, Message {
  var texts = ["": 0, "a": 1, "grün": -2, String(repeating: "k", count: 200): 3]
  var numbers = [-1: "x", 0: "y", 1_000_000: "z"]
  var others: [Plain: [Int]] = [Plain(): [1], Plain(id: 8): []]
  var enums: [Colour: Int] = [.red: 1, .blue: 2]
  var nested = ["a": ["b": ["c": [1, 2, 3]]], "": [:]]
  var empty: [String: Plain] = [:]
  var set: Set<String> = ["p", "q"]
}

class Animal: Codable, Hashable {
  var name: String
  init(name: String) { self.name = name }
  private enum CodingKeys: String, CodingKey { case name }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
  }
  required init(from decoder: any Decoder) throws {
    name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .name)
  }
  static func == (one: Animal, other: Animal) -> Bool { one.name == other.name }
  func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// Codes its superclass under a key of its own: `super`, or another one.
final class Dog: Animal, Message {
  var legs: Int
  let usesOwnKey: Bool
  private enum CodingKeys: String, CodingKey { case legs, usesOwnKey, base }
  init(name: String, legs: Int, usesOwnKey: Bool) {
    self.legs = legs
    self.usesOwnKey = usesOwnKey
    super.init(name: name)
  }
  override func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(usesOwnKey, forKey: .usesOwnKey)
    let above = usesOwnKey ? container.superEncoder(forKey: .base) : container.superEncoder()
    // After the place of the superclass was taken, and before it is filled.
    try container.encode(legs, forKey: .legs)
    try super.encode(to: above)
  }
  required init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    legs = try container.decode(Int.self, forKey: .legs)
    usesOwnKey = try container.decode(Bool.self, forKey: .usesOwnKey)
    try super.init(from: usesOwnKey ? container.superDecoder(forKey: .base) : container.superDecoder())
  }
}

/// Codes its superclass into the same object.
final class Cat: Animal, Message {
  var lives: Int
  private enum CodingKeys: String, CodingKey { case lives }
  init(name: String, lives: Int) {
    self.lives = lives
    super.init(name: name)
  }
  override func encode(to encoder: any Encoder) throws {
    try super.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(lives, forKey: .lives)
  }
  required init(from decoder: any Decoder) throws {
    lives = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .lives)
    try super.init(from: decoder)
  }
}

struct FoundationValues: Codable, Hashable, Message {
  var date = Date(timeIntervalSinceReferenceDate: 123_456.75)
  var url = URL(string: "https://example.org/a?b=c#d")!
  var data = Data([0, 1, 127, 128, 255])
  var decimal = Decimal(string: "-12345678901234567890.125")!
  var uuid = UUID(uuidString: "E621E1F8-C36C-495A-93FC-0C247A3E6E5F")!
  var range = 1..<5
  var closed = -2.5...2.5
  var chunks = [Data(), Data([9])]
  var indexes = IndexSet([1, 2, 9])
  var components = DateComponents(year: 2026, month: 2, day: 3)
  var measure = Measurement(value: 2, unit: UnitLength.meters)
  var characters: Set<CharacterKey> = [.init("a"), .init("ü")]
}

struct CharacterKey: Codable, Hashable {
  var character: Character
  init(_ character: Character) { self.character = character }
  init(from decoder: any Decoder) throws {
    character = Character(try decoder.singleValueContainer().decode(String.self))
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(String(character))
  }
}

struct Page<Element: Codable & Hashable>: Codable, Hashable, Message {
  var items: [Element]
  var next: Element?
}

/// Encodes nothing at all.
struct Nothing: Codable, Hashable, Message {
  init() {}
  init(from decoder: any Decoder) throws {}
  func encode(to encoder: any Encoder) throws {}
}

struct WithNothing: Codable, Hashable, Message {
  var before = 1
  var nothing = Nothing()
  var list = [Nothing(), Nothing()]
  var after = "x"
}

/// Decodes its keys in another order than it encodes them, and twice.
struct Reordered: Codable, Hashable, Message {
  var a = 1
  var b = ["x", "y"]
  var c = Plain()
  enum CodingKeys: String, CodingKey { case a, b, c }
  init() {}
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    c = try container.decode(Plain.self, forKey: .c)
    a = try container.decode(Int.self, forKey: .a)
    b = try container.decode([String].self, forKey: .b)
    guard try container.decode(Int.self, forKey: .a) == a, Set(container.allKeys) == [.a, .b, .c] else {
      throw DecodingError.dataCorruptedError(
        forKey: .a, in: container, debugDescription: "read twice, it differs")
    }
  }
}

/// Writes to several containers in turn, in ways that synthesized code never does.
struct Interleaved: Codable, Hashable, Message {
  var numbers: [Int]
  var words: [String: String]
  var inner: Plain
  var last: Int
  enum CodingKeys: String, CodingKey { case numbers, words, inner, last, unused, empty, single }
  struct Word: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
  init(count: Int) {
    numbers = (0..<count).map { $0 * 100 }
    words = Dictionary(
      uniqueKeysWithValues: (0..<count).map { ("word \($0)", String(repeating: "w", count: $0)) })
    inner = Plain(id: UInt32(count))
    last = count
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    var numbers = container.nestedUnkeyedContainer(forKey: .numbers)
    var words = container.nestedContainer(keyedBy: Word.self, forKey: .words)
    _ = container.superEncoder(forKey: .unused)
    let single = container.superEncoder(forKey: .single)
    var lists: [any UnkeyedEncodingContainer] = []
    for (index, number) in self.numbers.enumerated() {
      try numbers.encode(number)
      let key = "word \(index)"
      try words.encode(self.words[key]!, forKey: Word(stringValue: key))
      if index == 1 { try container.encode(inner, forKey: .inner) }
      var list = words.nestedContainer(keyedBy: Word.self, forKey: Word(stringValue: "nested \(index)"))
      var nested = list.nestedUnkeyedContainer(forKey: Word(stringValue: "list"))
      try nested.encode(index)
      lists.append(nested)
      for at in lists.indices {
        try lists[at].encode("again")
        try lists[at].encode(Plain())
      }
      try list.encode(lists.count, forKey: Word(stringValue: "count"))
    }
    if self.numbers.count < 2 { try container.encode(inner, forKey: .inner) }
    try container.encode(last, forKey: .last)
    var value = single.singleValueContainer()
    try value.encode("single")
    _ = encoder.container(keyedBy: CodingKeys.self).codingPath
  }
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    var numbers = try container.nestedUnkeyedContainer(forKey: .numbers)
    let words = try container.nestedContainer(keyedBy: Word.self, forKey: .words)
    last = try container.decode(Int.self, forKey: .last)
    inner = try container.decode(Plain.self, forKey: .inner)
    self.numbers = []
    self.words = [:]
    while !numbers.isAtEnd {
      let index = self.numbers.count
      self.numbers.append(try numbers.decode(Int.self))
      let key = Word(stringValue: "word \(index)")
      self.words[key.stringValue] = try words.decode(String.self, forKey: key)
      let list = try words.nestedContainer(keyedBy: Word.self, forKey: Word(stringValue: "nested \(index)"))
      var nested = try list.nestedUnkeyedContainer(forKey: Word(stringValue: "list"))
      let expected = 1 + 2 * (last - index)
      guard nested.count == expected, try nested.decode(Int.self) == index else { throw Damaged() }
      while !nested.isAtEnd {
        guard try nested.decode(String.self) == "again", try nested.decode(Plain.self) == Plain() else {
          throw Damaged()
        }
      }
      guard try list.decode(Int.self, forKey: Word(stringValue: "count")) == index + 1 else {
        throw Damaged()
      }
    }
    guard try container.decode(String.self, forKey: .single) == "single",
      try container.nestedContainer(keyedBy: Word.self, forKey: .unused).allKeys.isEmpty
    else { throw Damaged() }
  }
  struct Damaged: Error {}
}

/// Any JSON value: it finds out by trying what it is.
enum AnyValue: Codable, Hashable, Message {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case list([AnyValue])
  case object([String: AnyValue])
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([AnyValue].self) {
      self = .list(value)
    } else {
      self = .object(try container.decode([String: AnyValue].self))
    }
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}

/// A list in lists.
struct Nest: Codable, Hashable, Message {
  var inner: [Nest]
  init(depth: Int) {
    inner = []
    for _ in 1..<max(depth, 1) { inner = [Nest(inner)] }
  }
  private init(_ inner: [Nest]) { self.inner = inner }
  init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    inner = []
    while !container.isAtEnd { inner.append(try container.decode(Nest.self)) }
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    for nest in inner { try container.encode(nest) }
  }
}

/// The same key twice: the second counts.
struct Twice: Codable, Hashable, Message {
  var value = 2
  enum CodingKeys: String, CodingKey { case value, other }
  init() {}
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    value = try container.decode(Int.self, forKey: .value)
    guard container.allKeys.count == 2 else { throw Interleaved.Damaged() }
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(1, forKey: .value)
    try container.encode("x", forKey: .other)
    try container.encode(value, forKey: .value)
  }
}

/// Bytes and what isn't one, in one list.
struct MixedBytes: Codable, Hashable, Message {
  var bytes: [UInt8] = [1, 200, 255]
  var text = "end"
  init() {}
  init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    bytes = []
    for _ in 0..<3 { bytes.append(try container.decode(UInt8.self)) }
    text = try container.decode(String.self)
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    for byte in bytes { try container.encode(byte) }
    try container.encode(text)
  }
}

struct Blob: Codable, Hashable, Message {
  var bytes: [UInt8]
  var data: Data
  var small: [Byte] = [.first, .last]
}
