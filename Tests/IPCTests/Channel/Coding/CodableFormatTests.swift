import Foundation
import IPC
import Measurement
import TestSupport
import Testing

/// A `Plain` of a later version, and one of an earlier version.
private struct Later: Codable, Hashable, Message {
  var id: UInt32
  var url: String
  var depth: Int
  var added: [String: [Int]]?
  var ratio: Double
  var isDone: Bool
}
private struct Earlier: Codable, Hashable, Message {
  var depth: Int
  var url: String
}
private struct Job: Codable, Hashable, Message {
  var id: UInt32
  var url: String
  var tags: [Bool?] = []
}
private struct Failing: Codable, Message {
  struct Reason: Error, CustomStringConvertible { var description: String { "it is Monday" } }
  var inner: [Inner]
  struct Inner: Codable {
    var x: Int
    init(x: Int) { self.x = x }
    init(from decoder: any Decoder) throws { throw Reason() }
    func encode(to encoder: any Encoder) throws {
      throw x == 0
        ? EncodingError.invalidValue(
          x, .init(codingPath: encoder.codingPath, debugDescription: "zero isn't allowed"))
          as any Error : Reason()
    }
  }
}
/// Gives up a value halfway, and goes on.
private struct Forgiving: Codable, Hashable, Message {
  var before = 1
  var after = "x"
  enum CodingKeys: String, CodingKey { case before, bad, list, after }
  init() {}
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    before = try container.decode(Int.self, forKey: .before)
    after = try container.decode(String.self, forKey: .after)
    guard !container.contains(.bad), try container.decode([Int].self, forKey: .list) == [1, 3] else {
      throw Failing.Reason()
    }
  }
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(before, forKey: .before)
    try? container.encode([[Failing.Inner(x: 1)]], forKey: .bad)
    var list = container.nestedUnkeyedContainer(forKey: .list)
    try list.encode(1)
    try container.encode(after, forKey: .after)
    // Behind what was written after it.
    try? list.encode(["x": Failing.Inner(x: 1)])
    try list.encode(3)
  }
}
private final class Endless: Codable, Message {
  var next: Endless?
  deinit {
    // Not one inside another: a long list would take as much stack.
    while let following = next {
      next = following.next
      following.next = nil
    }
  }
  init() {}
}

extension AllTests {
  @Suite struct CodableFormatTests {
    private func bytes(_ value: some Message) throws(ChannelError) -> [UInt8] {
      var writer = MessageWriter()
      try value.encode(to: &writer)
      return writer.bytes
    }
    private func read<Value: Message>(_ type: Value.Type, _ bytes: [UInt8]) throws(ChannelError) -> Value {
      try Value(decoding: bytes.span)
    }
    private func refusal<Value: Message>(_ type: Value.Type, _ bytes: [UInt8]) -> String? {
      do throws(ChannelError) {
        _ = try read(type, bytes)
        return nil
      } catch {
        #expect(error.code == .invalidMessage)
        return error.message
      }
    }

    /// What Framing.md says, byte by byte.
    @Test func layout() throws {
      #expect(
        try bytes(Job(id: 300, url: "ü", tags: [nil, true])) == [
          0x8A, 13, 0, 0x83, 0xAC, 0x02, 1, 0xA2, 0xC3, 0xBC, 2, 0x89, 2, 0x80, 0x82,
          12, 2, 0x69, 0x64, 3, 0x75, 0x72, 0x6C, 4, 0x74, 0x61, 0x67, 0x73,
        ])
      #expect(try bytes(Colour.red) == [0xA3, 0x72, 0x65, 0x64])
      #expect(try bytes(Level.low) == [0x84, 4])
      #expect(try bytes(Nothing()) == [0x8A, 0, 0])
      #expect(try bytes(AnyValue.null) == [0x80])
      #expect(try bytes(AnyValue.number(1.5)) == [0x86, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F])
      #expect(try bytes(AnyValue.text(String(repeating: "x", count: 32))).prefix(3) == [0x87, 32, 0x78])
      #expect(try bytes(Nest(depth: 3)) == [0x89, 4, 0x89, 2, 0x89, 0, 0])
      #expect(
        try bytes(MixedBytes()) == [0x89, 11, 1, 0x83, 0xC8, 1, 0x83, 0xFF, 1, 0xA3, 0x65, 0x6E, 0x64, 0])
      // Each key once, whatever repeats it.
      let list = try bytes(Page(items: (0..<100).map { Job(id: $0, url: "") }, next: nil))
      #expect(list.count < 100 * 10 + 40)
    }

    @Test func otherVersionsOfAType() throws {
      let later = Later(
        id: 1, url: "u", depth: 2, added: ["x": [1, 2], "y": []], ratio: 0.25, isDone: false)
      let found = try bytes(later)
      #expect(try read(Plain.self, found) == Plain(id: 1, url: "u", depth: 2, ratio: 0.25, isDone: false))
      #expect(try read(Earlier.self, found) == Earlier(depth: 2, url: "u"))
      let earlier = try bytes(Plain())
      #expect(try read(Later.self, earlier).added == nil)
      let missing = refusal(Plain.self, try bytes(Earlier(depth: 1, url: "")))
      #expect(missing?.contains("there is no value for the key id") == true, "\(missing ?? "")")
    }

    @Test func numbersOfOtherTypes() throws {
      #expect(try read(AnyValue.self, [0x83, 0x80, 0x01]) == .number(128))
      #expect(
        try read(Page<Int>.self, bytes(Page<Double>(items: [1, -2, 1e15], next: 3))).items == [
          1, -2, 1_000_000_000_000_000,
        ])
      #expect(try read(Page<Double>.self, bytes(Page<Int>(items: [1, -200], next: 3))).items == [1, -200])
      #expect(try read(Page<Float>.self, bytes(Page<Double>(items: [0.1], next: nil))).items == [0.1])
      #expect(try read(Page<Double>.self, bytes(Page<Float>(items: [0.5], next: nil))).items == [0.5])
      #expect(try read(Page<Int>.self, bytes(Page<UInt8>(items: [1, 255], next: nil))).items == [1, 255])
      #expect(try read(Page<UInt8>.self, bytes(Page<Int>(items: [1, 255], next: nil))).items == [1, 255])
      #expect(
        try read(Page<Byte>.self, bytes(Page<UInt8>(items: [1, 255], next: nil))).items == [.first, .last])
      for value in [256, -1, .max] {
        let sentence = refusal(Page<UInt8>.self, try bytes(Page(items: [0, value], next: nil)))
        #expect(sentence?.contains("doesn't fit UInt8, at items[1]") == true, "\(sentence ?? "")")
      }
      #expect(refusal(Page<Int>.self, try bytes(Page<Double>(items: [0.5], next: nil))) != nil)
      #expect(refusal(Page<Float>.self, try bytes(Page<Double>(items: [1e300], next: nil))) != nil)
    }

    @Test func errorsSayWhere() throws {
      let sentence = refusal(
        Page<Page<Int>>.self, try bytes(Page(items: [Page(items: ["x"], next: nil)], next: nil)))
      #expect(
        sentence?.contains("expected Int, found a text, at items[0].items[0]") == true, "\(sentence ?? "")")
      let null = refusal(Page<Int>.self, try bytes(Page<Int?>(items: [1, nil], next: nil)))
      #expect(null?.contains("expected Int, found null, at items[1]") == true, "\(null ?? "")")
      let plain = refusal(Plain.self, try bytes(Nest(depth: 2)))
      #expect(plain?.contains("found a list") == true, "\(plain ?? "")")
      for (value, words) in [(0, "zero isn't allowed, at inner[0]"), (1, "it is Monday")] {
        do throws(ChannelError) {
          _ = try bytes(Failing(inner: [.init(x: value)]))
          Issue.record("encoded")
        } catch {
          #expect(error.code == .invalidMessage && error.message.contains(words), "\(error.message)")
        }
      }
      let thrown = refusal(Failing.self, try bytes(Page(items: [1], next: nil)))
      #expect(thrown?.contains("no value for the key inner") == true)
    }

    @Test func aValueThatIsGivenUpLeavesNothing() throws {
      let value = Forgiving()
      #expect(try read(Forgiving.self, bytes(value)) == value)
    }

    // MARK: Bounds

    @Test func nestingHasALimit() throws {
      let most = Nest(depth: 512)
      #expect(try read(Nest.self, bytes(most)) == most)
      #expect(code { () throws(ChannelError) in _ = try bytes(Nest(depth: 513)) } == .invalidMessage)
      let endless = Endless()
      endless.next = endless
      #expect(code { () throws(ChannelError) in _ = try bytes(endless) } == .invalidMessage)
      endless.next = nil
      for depth in [513, 100_000] {
        // From the inside out: a list that contains what was made before.
        var inner: [UInt8] = []
        var heads: [[UInt8]] = []
        var length = 0
        for _ in 0..<depth {
          var head: [UInt8] = [0x89]
          var rest = length
          while rest > 0x7F {
            head.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
          }
          head.append(UInt8(rest))
          heads.append(head)
          length += head.count
        }
        for head in heads.reversed() { inner += head }
        let sentence = refusal(Nest.self, inner + [0])
        #expect(sentence?.contains("more than 512 containers") == true, "\(sentence ?? "")")
        _ = refusal(AnyValue.self, inner + [0])
      }
    }

    @Test func countsAreNotTrusted() {
      // A text, bytes, a list and an object of 2^32 bytes, and of 2^64 - 1; the table of keys likewise.
      for length: [UInt8] in [
        [0x80, 0x80, 0x80, 0x80, 0x10], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0xFF], [5],
      ] {
        for tag in [0x87, 0x88, 0x89, 0x8A] as [UInt8] {
          #expect(refusal(AnyValue.self, [tag] + length + [1, 2, 3]) != nil)
          #expect(refusal(AnyValue.self, [0x89, UInt8(length.count + 2), tag] + length + [1, 0]) != nil)
        }
        #expect(refusal(Plain.self, [0x8A, 0] + length) != nil)
        #expect(refusal(Plain.self, [0x8A, 0, 2] + length) != nil)
        // Dictionaries and sets as messages: 2^32 - 1 entries.
        #expect(refusal([String: Int].self, [255, 255, 255, 255] + length) != nil)
        #expect(refusal(Set<String>.self, [255, 255, 255, 255] + length) != nil)
      }
      #expect(refusal(Plain.self, []) != nil)
    }

    @Test func keysThatAreThereTwice() throws {
      // In an object the last counts, in whatever order they are read.
      let table: [UInt8] = [19, 5] + "depth".utf8 + [3] + "url".utf8 + [1, 0x61, 6] + "unused".utf8
      let object: [UInt8] = [0x8A, 7, 0, 1, 1, 0xA1, 0x75, 0, 2]
      #expect(try read(Earlier.self, object + table) == Earlier(depth: 2, url: "u"))
      // In the table it is an error, and so is a number that it doesn't have.
      #expect(
        refusal(Earlier.self, object + [12, 5] + "depth".utf8 + [5] + "depth".utf8)?.contains("twice") == true
      )
      #expect(refusal(Earlier.self, object + [6, 5] + "depth".utf8) != nil)
      let many = (0..<20).flatMap { _ in [1, 0x61] as [UInt8] }
      #expect(refusal(Nest.self, [0x89, 0, UInt8(many.count)] + many)?.contains("twice") == true)
    }

    /// Every prefix is refused, and no bytes do more than be refused.
    @Test func anyBytesAreReadOrRefused() throws {
      var random = SeededRandom.printed()
      func tryAll(_ bytes: [UInt8]) {
        _ = refusal(Plain.self, bytes)
        _ = refusal(Numbers.self, bytes)
        _ = refusal(Wide.self, bytes)
        _ = refusal(Tree.self, bytes)
        _ = refusal(Options.self, bytes)
        _ = refusal(Dictionaries.self, bytes)
        _ = refusal(Dog.self, bytes)
        _ = refusal(FoundationValues.self, bytes)
        _ = refusal(Interleaved.self, bytes)
        _ = refusal(AnyValue.self, bytes)
        _ = refusal(Nest.self, bytes)
        _ = refusal(Blob.self, bytes)
        _ = refusal(MixedBytes.self, bytes)
        _ = refusal(Colour.self, bytes)
        _ = refusal(Twice.self, bytes)
      }
      let samples = try [
        bytes(Plain()), bytes(Numbers()), bytes(Wide()), bytes(Options(a: 1, d: Plain())),
        bytes(Dictionaries()),
        bytes(Tree.node(.leaf, 1, right: .node(.named(name: "x"), 2, right: .flag(nil)))),
        bytes(Dog(name: "Rex", legs: 4, usesOwnKey: false)), bytes(Interleaved(count: 3)),
        bytes(FoundationValues()),
        bytes(Blob(bytes: [1, 2], data: .init([3]))), bytes(MixedBytes()), bytes(Twice()),
      ]
      for sample in samples {
        for count in 0..<sample.count { #expect(refusal(AnyValue.self, Array(sample[..<count])) != nil) }
      }
      for _ in 0..<2000 {
        var bytes = random.chance(3) ? random.bytes(0...80) : samples.randomElement(using: &random)!
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
          let at = Int.random(in: 0..<bytes.count, using: &random)
          switch Int.random(in: 0..<4, using: &random) {
          case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
          case 1: bytes[at] = UInt8.random(in: 0x80...0x8B, using: &random)
          case 2: bytes.remove(at: at)
          default: bytes.insert(bytes.randomElement(using: &random)!, at: at)
          }
        }
        tryAll(bytes)
      }
    }
  }
}
