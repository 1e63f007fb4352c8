import Measurement
import TestSupport
import Testing

@testable import IPC

/// A message with a field of every type.
private struct Sample: Message, Hashable {
  var number: Int32
  var flag: Bool
  var text: String
  var list: [UInt8]
  var ratio: Double
  var wide: UInt64

  init(using random: inout SeededRandom) {
    number = Int32.random(in: .min ... .max, using: &random)
    flag = Bool.random(using: &random)
    let texts = ["", "grün", "a\u{0}b", "👩‍👩‍👧", String(repeating: "x", count: 300)]
    text = texts.randomElement(using: &random)!
    list = random.bytes(0...40)
    ratio = Double.random(in: -1e9...1e9, using: &random)
    wide = UInt64.random(in: 0 ... .max, using: &random)
  }

  func encode(to writer: inout MessageWriter) {
    writer.write(number)
    writer.write(flag)
    writer.write(text)
    writer.write(list)
    writer.write(ratio)
    writer.write(wide)
  }

  init(from reader: inout MessageReader) throws(ChannelError) {
    number = try reader.integer()
    flag = try reader.bool()
    text = try reader.string()
    list = try reader.array()
    ratio = try reader.double()
    wide = try reader.integer()
  }
}

/// A message whose two functions disagree.
private struct Less: Message {
  static let messageName = "Less"
  func encode(to writer: inout MessageWriter) { writer.write(7 as Int32) }
  init(from reader: inout MessageReader) throws(ChannelError) {}
}

private struct More: Message {
  static let messageName = "More"
  let number: Int64
  func encode(to writer: inout MessageWriter) { writer.write(7 as Int32) }
  init(from reader: inout MessageReader) throws(ChannelError) { number = try reader.integer() }
}

private struct Percent: Message {
  var value: UInt8
  func encode(to writer: inout MessageWriter) { writer.write(value) }
  init(from reader: inout MessageReader) throws(ChannelError) {
    value = try reader.integer()
    guard value <= 100 else { throw .invalid("\(value) percent") }
  }
}

extension AllTests {
  @Suite struct MessageTests {
    /// The sentence with which bytes are refused.
    private func sentence<Value: Message>(_ type: Value.Type, _ bytes: [UInt8]) -> String? {
      do throws(ChannelError) {
        _ = try decode(type, bytes)
        return nil
      } catch {
        return error.message
      }
    }

    @Test("a coding written by hand that doesn't read what it writes is told so")
    func disagreeingCoding() {
      let advice = "must read what encode(to:) writes, in the same order"
      let less = sentence(Less.self, [7, 0, 0, 0])
      #expect(
        less?.contains("4 bytes too many for Less; init(from:) of Less \(advice)") == true, "\(less ?? "")")
      let more = sentence(More.self, [7, 0, 0, 0])
      #expect(more?.contains("8 bytes wanted at byte 0 of 4") == true, "\(more ?? "")")
      // A value that the type itself refuses says why, and nothing else.
      let refused = sentence(Percent.self, [101])
      #expect(refused?.hasSuffix("101 percent") == true, "\(refused ?? "")")
      #expect(sentence(Percent.self, [100]) == nil)
      // The library's own.
      for other in [sentence(Int32.self, [1, 2]), sentence(Bool.self, [1, 1]), sentence(Token.self, [1])] {
        #expect(other != nil && other?.contains(advice) == false)
      }
    }

    private func encode(_ value: some Message) throws(ChannelError) -> [UInt8] {
      var writer = MessageWriter()
      try value.encode(to: &writer)
      return writer.bytes
    }

    private func decode<Value: Message>(
      _ type: Value.Type, _ bytes: [UInt8]
    ) throws(ChannelError) -> Value {
      try Value(decoding: bytes.span)
    }

    /// The code with which bytes are refused; nil when they are a value.
    private func refusal<Value: Message>(_ type: Value.Type, _ bytes: [UInt8]) -> ChannelError.Code? {
      code { () throws(ChannelError) in try decode(type, bytes) }
    }

    /// The code with which a field is refused, and how far the reader has moved.
    private func read<Value>(
      _ bytes: [UInt8], _ body: (inout MessageReader) throws(ChannelError) -> Value
    ) -> (code: ChannelError.Code?, offset: Int) {
      var reader = MessageReader(bytes.span)
      do throws(ChannelError) {
        _ = try body(&reader)
        return (nil, reader.offset)
      } catch {
        return (error.code, reader.offset)
      }
    }

    private func roundTrip<Value: Message & Equatable>(_ value: Value) throws {
      let bytes = try encode(value)
      #expect(try decode(Value.self, bytes) == value)
    }

    @Test("a message that is written is read back")
    func roundTrips() throws {
      var random = SeededRandom.printed()
      for _ in 0..<500 { try roundTrip(Sample(using: &random)) }
      for value in [Int.min, -1, 0, 1, .max] { try roundTrip(value) }
      for value in [UInt64.min, 1, .max] { try roundTrip(value) }
      for value in [0, -0.0, 1.5, .infinity, .leastNonzeroMagnitude] { try roundTrip(value as Double) }
      try roundTrip(Int32.min)
      try roundTrip(UInt8.max)
      try roundTrip(UInt16.max)
      try roundTrip(UInt32.max)
      try roundTrip(Int64.min)
      try roundTrip(UInt.max)
      try roundTrip("")
      try roundTrip("grün 👩‍👩‍👧 \u{0}")
      try roundTrip([] as [UInt8])
      try roundTrip([UInt8](0...255))
      try roundTrip(Token())
      let nan = try decode(Double.self, encode(Double.nan))
      #expect(nan.isNaN)
    }

    @Test("numbers are little-endian, lengths four bytes, strings UTF-8")
    func layout() throws {
      #expect(try encode(0x0102_0304 as UInt32) == [4, 3, 2, 1])
      #expect(try encode(-2 as Int64) == [0xFE] + [UInt8](repeating: 0xFF, count: 7))
      #expect(try encode("ü") == [0xC3, 0xBC])
      #expect(try encode(Token()) == [])
      var writer = MessageWriter()
      writer.write("ü")
      writer.write([7] as [UInt8])
      writer.write(true)
      #expect(writer.bytes == [2, 0, 0, 0, 0xC3, 0xBC, 1, 0, 0, 0, 7, 1])
      writer.removeAll()
      #expect(writer.bytes == [])
    }

    @Test("a truncated message is refused, and so is one with an extra byte")
    func prefixes() throws {
      var random = SeededRandom.printed()
      for _ in 0..<20 {
        let bytes = try encode(Sample(using: &random))
        for count in 0..<bytes.count {
          let part = Array(bytes[..<count])
          #expect(refusal(Sample.self, part) == .invalidMessage)
        }
        let longer = bytes + [0]
        #expect(refusal(Sample.self, longer) == .invalidMessage)
      }
      for count in 0..<20 where count != 8 {
        let bytes = [UInt8](repeating: 1, count: count)
        #expect(refusal(Int.self, bytes) == .invalidMessage)
        #expect(refusal(Double.self, bytes) == .invalidMessage)
        #expect(count == 0 || refusal(Token.self, bytes) == .invalidMessage)
      }
    }

    @Test("random bytes are a message or an error, never a crash, and no length in them is trusted")
    func randomBytes() throws {
      var random = SeededRandom.printed()
      for _ in 0..<3000 {
        var bytes = random.chance(2) ? random.bytes(0...60) : try encode(Sample(using: &random))
        if !bytes.isEmpty {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        for found in [
          refusal(Sample.self, bytes),
          refusal(String.self, bytes),
          refusal(Int32.self, bytes),
        ] { #expect(found == nil || found == .invalidMessage) }
      }
      for length in [UInt32.max, 1 << 31, 5] {
        let bytes = try encode(length)
        let text = read(bytes) { (reader) throws(ChannelError) in try reader.string() }
        let list = read(bytes) { (reader) throws(ChannelError) in try reader.array() }
        #expect(text.code == .invalidMessage && list.code == .invalidMessage)
      }
      for count in [-1, 5, Int.max, Int.min] {
        let text = read([1, 2, 3, 4]) { (reader) throws(ChannelError) in
          try reader.text(count: count)
        }
        let list = read([1, 2, 3, 4]) { (reader) throws(ChannelError) in
          try reader.array(count: count)
        }
        #expect(text == (.invalidMessage, 0), "a refused read takes nothing")
        #expect(list == (.invalidMessage, 0))
      }
    }

    @Test("text that isn't UTF-8 is refused, not repaired")
    func invalidText() {
      for bytes: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x61, 0x80], [0xC0, 0x80]] {
        #expect(refusal(String.self, bytes) == .invalidMessage)
      }
    }
  }
}
