import IPC
import Measurement
import TestSupport
import Testing

extension AllTests {
  /// Lists, optionals and truth values as messages.
  @Suite struct MessageListTests {
    private func bytes(_ value: some Message) throws -> [UInt8] {
      var writer = MessageWriter()
      try value.encode(to: &writer)
      return writer.bytes
    }

    private func expectRoundTrip<Value: Message & Equatable>(
      _ value: Value, at location: SourceLocation = #_sourceLocation
    ) throws {
      let alone = try bytes(value)
      let found = try read(Value.self, alone)
      #expect(found == value, sourceLocation: location)
      // The same inside another message, with fields before and after it.
      let around = try bytes([alone, alone])
      let both = try read([Value].self, around)
      #expect(both == [value, value], sourceLocation: location)
    }

    private func read<Value: Message>(_ type: Value.Type, _ bytes: [UInt8]) throws(ChannelError) -> Value {
      try Value(decoding: bytes.span)
    }

    private func refusal<Value: Message>(_ type: Value.Type, _ bytes: [UInt8]) -> ChannelError.Code? {
      code { () throws(ChannelError) in _ = try read(type, bytes) }
    }

    @Test func roundTrips() throws {
      try expectRoundTrip([String]())
      try expectRoundTrip([UInt8]())
      try expectRoundTrip(["", "grün", "\0"])
      try expectRoundTrip([[1, 2], [], [.max, .min]] as [[Int]])
      try expectRoundTrip([[[1]], [], [[], [2]]] as [[[UInt8]]])
      try expectRoundTrip([nil, "", nil, "a"] as [String?])
      try expectRoundTrip(nil as String?)
      try expectRoundTrip("" as String?)
      try expectRoundTrip(nil as [UInt8]?)
      try expectRoundTrip([] as [UInt8]?)
      try expectRoundTrip([3] as [UInt8]?)
      for value: Int?? in [nil, .some(nil), 5] { try expectRoundTrip(value) }
      try expectRoundTrip([true, false])
      try expectRoundTrip(true)
      try expectRoundTrip([Token(), Token()])
      try expectRoundTrip([-0.5, .infinity])
      try expectRoundTrip([[nil, [true]], []] as [[[Bool]?]])
      try expectRoundTrip((0..<3000).map { String($0) })
      try expectRoundTrip(["a": [1, 2], "": [], "grün": [.max]] as [String: [Int]])
      try expectRoundTrip([1: [2: "x"], -1: [:]] as [Int16: [UInt8: String]])
      try expectRoundTrip([:] as [String: Token])
      try expectRoundTrip(Set(["a", "", "b"]))
      try expectRoundTrip(Set<[UInt8]>())
      try expectRoundTrip([-0.5, .infinity] as [Float])
      try expectRoundTrip([.min, 0, .max] as [Int8])
      try expectRoundTrip([.min, 0, .max] as [Int128])
      try expectRoundTrip(SIMD8<Int16>(repeating: -3))
    }

    @Test func randomRoundTrips() throws {
      var random = SeededRandom.printed()
      for _ in 0..<500 {
        let count = Int.random(in: 0...6, using: &random)
        let value: [[String?]] = (0..<count).map { _ in
          (0..<Int.random(in: 0...4, using: &random)).map { _ in
            random.chance(3) ? nil : String(decoding: random.bytes(0...20), as: UTF8.self)
          }
        }
        try expectRoundTrip(value)
        try expectRoundTrip(value.isEmpty ? nil : value)
      }
    }

    @Test func bytesAreTheMessageAndOthersAreCounted() throws {
      #expect(try bytes([UInt8]()) == [])
      #expect(try bytes([5, 6] as [UInt8]) == [5, 6])
      #expect(try bytes([String]()) == [0, 0, 0, 0])
      #expect(try bytes([[UInt8]]()) == [0, 0, 0, 0])
      #expect(try bytes(["a"]) == [1, 0, 0, 0, 1, 0, 0, 0, 97])
      #expect(try bytes([true]) == [1, 0, 0, 0, 1, 0, 0, 0, 1])
      #expect(try bytes(["a": 1 as UInt8]) == [1, 0, 0, 0, 1, 0, 0, 0, 97, 1, 0, 0, 0, 1])
      #expect(try bytes(Set([7 as UInt16])) == [1, 0, 0, 0, 2, 0, 0, 0, 7, 0])
      #expect(try bytes(1.5 as Float) == [0, 0, 0xC0, 0x3F])
      #expect(try bytes(SIMD2<UInt16>(1, 2)) == [1, 0, 2, 0])
      #expect(try bytes(nil as Int?) == [0])
      #expect(try bytes(1 as UInt16?) == [1, 1, 0])
    }

    @Test func invalidListsAreRefused() {
      let lists: [[UInt8]] = [
        [], [1], [1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 255, 255, 255, 255, 97],
        [255, 255, 255, 255], [255, 255, 255, 127, 0, 0, 0, 0], [0, 0, 0, 0, 0],
        [2, 0, 0, 0, 1, 0, 0, 0, 97], [1, 0, 0, 0, 1, 0, 0, 0, 255],
      ]
      for list in lists { #expect(refusal([String].self, list) == .invalidMessage, "\(list)") }
      for list in lists { #expect(refusal([[UInt8]].self, list) == .invalidMessage || list.last == 255) }
      // An element is as long as its length says, no longer and no shorter.
      #expect(refusal([UInt16].self, [1, 0, 0, 0, 1, 0, 0, 0, 9]) == .invalidMessage)
      #expect(refusal([UInt16].self, [1, 0, 0, 0, 3, 0, 0, 0, 9, 9, 9]) == .invalidMessage)
      #expect(refusal([UInt16].self, [1, 0, 0, 0, 2, 0, 0, 0, 9, 9]) == nil)
      for bytes in [[], [2], [255], [1], [0, 0], [1, 1, 1, 1]] as [[UInt8]] {
        #expect(refusal(UInt16?.self, bytes) == .invalidMessage)
      }
      for bytes in [[], [2], [0, 1]] as [[UInt8]] { #expect(refusal(Bool.self, bytes) == .invalidMessage) }
    }

    @Test func nothingIsThereTwice() {
      let one: [UInt8] = [1, 0, 0, 0, 97]
      let two: [UInt8] = [2, 0, 0, 0]
      #expect(refusal([String: String].self, two + one + one + one + one) == .invalidMessage)
      #expect(refusal(Set<String>.self, two + one + one) == .invalidMessage)
      #expect(refusal([String: String].self, [1, 0, 0, 0] + one + one) == nil)
    }

    /// A count of four billion empty elements is refused.
    @Test func aListIsAsLongAsItsBytes() {
      let zeros = [UInt8](repeating: 0, count: 4_000)
      #expect(refusal([Token].self, [255, 255, 255, 255] + zeros) == .invalidMessage)
      #expect(refusal([Token].self, [0xE8, 3, 0, 0] + zeros) == nil)
      #expect(
        refusal([[Token]].self, [255, 255, 255, 255, 4, 0, 0, 0, 255, 255, 255, 255]) == .invalidMessage)
    }

    @Test func anyBytesAreReadOrRefused() {
      var random = SeededRandom.printed()
      for _ in 0..<5000 {
        var bytes = random.bytes(0...60)
        // Small numbers, as lengths are.
        for index in bytes.indices where random.chance(2) { bytes[index] = random.chance(2) ? 0 : 1 }
        for found in [
          refusal([String].self, bytes), refusal([[String?]].self, bytes), refusal([Bool]?.self, bytes),
          refusal([[[UInt8]]].self, bytes), refusal([Token].self, bytes), refusal(Double?.self, bytes),
        ] {
          #expect(found == nil || found == .invalidMessage)
        }
      }
    }
  }
}
