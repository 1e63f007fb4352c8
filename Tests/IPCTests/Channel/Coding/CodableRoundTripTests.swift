import Foundation
import IPC
import Measurement
import TestSupport
import Testing

extension AllTests {
  /// Whatever JSONEncoder and JSONDecoder bring back unchanged, the binary coding does too.
  @Suite struct CodableRoundTripTests {
    private func bytes(_ value: some Message) throws -> [UInt8] {
      var writer = MessageWriter()
      try value.encode(to: &writer)
      return writer.bytes
    }

    private func expectRoundTrip<Value: Message & Codable & Equatable>(
      _ value: Value, json: Bool = true, at location: SourceLocation = #_sourceLocation
    ) throws {
      if json {
        let document = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(Value.self, from: document) == value, sourceLocation: location)
      }
      let found = try bytes(value)
      let back = try Value(decoding: found.span)
      #expect(back == value, "\(found)", sourceLocation: location)
      // The same in a list of messages, and behind other bytes of a message.
      let list = [value, value]
      let both = try bytes(list)
      #expect(try [Value](decoding: both.span) == list, sourceLocation: location)
      var writer = MessageWriter()
      writer.write(7 as Int32)
      try value.encode(to: &writer)
      writer.write("end")
      let around = writer.bytes
      var reader = MessageReader(around.span)
      #expect(try reader.integer(as: Int32.self) == 7)
      let inside = try Value(from: &reader)
      let end = try reader.string()
      #expect(inside == value && end == "end" && reader.remaining == 0, sourceLocation: location)
    }

    @Test func structsAndNumbers() throws {
      try expectRoundTrip(Plain())
      try expectRoundTrip(Numbers())
      try expectRoundTrip(Wide())
      try expectRoundTrip(WithNothing())
      try expectRoundTrip(Nothing(), json: false)
      try expectRoundTrip(Reordered())
      try expectRoundTrip(Twice(), json: true)
      try expectRoundTrip(Page(items: [1, 2], next: nil))
      try expectRoundTrip(Page(items: [Page(items: ["a"], next: "b")], next: Page(items: [], next: nil)))
      var numbers = Numbers()
      numbers.d = .infinity
      numbers.f = -.infinity
      try expectRoundTrip(numbers, json: false)
    }

    @Test func enumsAndOptionals() throws {
      for tree in [
        Tree.leaf, .named(name: "x"), .flag(nil), .flag(false),
        .node(.leaf, -1, right: .node(.named(name: ""), .max, right: .flag(true))),
      ] { try expectRoundTrip(tree) }
      for colour in Colour.allCases { try expectRoundTrip(colour) }
      try expectRoundTrip(Level.low)
      try expectRoundTrip(Byte.last)
      try expectRoundTrip(Options())
      try expectRoundTrip(Options(a: 1, b: "", d: Plain(), f: .green))
      try expectRoundTrip(ExplicitNull(value: nil))
      try expectRoundTrip(ExplicitNull(value: 3))
      let value = AnyValue.object([
        "a": .list([.null, .bool(true), .number(1.5), .text("x"), .list([]), .object([:])]), "": .number(-7),
      ])
      try expectRoundTrip(value)
    }

    @Test func dictionariesAndFoundation() throws {
      try expectRoundTrip(Dictionaries())
      try expectRoundTrip(FoundationValues())
      var large = Dictionaries()
      for index in 0..<3000 { large.texts["key \(index)"] = index }
      for index in 0..<300 { large.numbers[index * 7] = "\(index)" }
      try expectRoundTrip(large)
      let data = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
      try expectRoundTrip(Blob(bytes: Array(data), data: data))
      try expectRoundTrip(Blob(bytes: [], data: Data()))
      try expectRoundTrip(MixedBytes())
      #expect(try bytes(Blob(bytes: Array(data), data: data)).count < 200_060, "one byte for each byte")
    }

    @Test func superclasses() throws {
      for usesOwnKey in [true, false] {
        let dog = Dog(name: "Rex", legs: 4, usesOwnKey: usesOwnKey)
        let found = try bytes(dog)
        let back = try Dog(decoding: found.span)
        #expect(back.name == "Rex" && back.legs == 4 && back.usesOwnKey == usesOwnKey)
        try expectRoundTrip(dog)
      }
      let found = try bytes(Cat(name: "Tom", lives: 9))
      let back = try Cat(decoding: found.span)
      #expect(back.name == "Tom" && back.lives == 9)
    }

    @Test func containersThatAreWrittenInTurn() throws {
      for count in [0, 1, 2, 3, 20, 60] { try expectRoundTrip(Interleaved(count: count)) }
      try expectRoundTrip(
        Page(items: [Interleaved(count: 3), Interleaved(count: 0)], next: Interleaved(count: 5)))
    }

    @Test func randomValues() throws {
      var random = SeededRandom.printed()
      func any(_ depth: Int) -> AnyValue {
        switch Int.random(in: 0..<(depth > 4 ? 4 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2:
          return .number(
            random.chance(2)
              ? Double(Int.random(in: -300...300, using: &random))
              : .random(in: -1e300...1e300, using: &random))
        case 3: return .text(String(decoding: random.bytes(0...200), as: UTF8.self))
        case 4: return .list((0..<Int.random(in: 0...6, using: &random)).map { _ in any(depth + 1) })
        default:
          return .object(
            Dictionary(
              (0..<Int.random(in: 0...20, using: &random)).map { _ in
                ("\(Int.random(in: 0...30, using: &random))", any(depth + 1))
              }, uniquingKeysWith: { $1 }))
        }
      }
      for _ in 0..<300 { try expectRoundTrip(any(0)) }
      func tree(_ depth: Int) -> Tree {
        depth > 5 || random.chance(4)
          ? [.leaf, .named(name: "n"), .flag(nil)].randomElement(using: &random)!
          : .node(tree(depth + 1), Int.random(in: .min ... .max, using: &random), right: tree(depth + 1))
      }
      for _ in 0..<100 { try expectRoundTrip(tree(0)) }
    }
  }
}
