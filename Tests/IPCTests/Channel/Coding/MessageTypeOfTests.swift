import TestSupport
import Testing

@testable import IPC

private struct Hidden: Codable, Message { var x = 1 }
private struct HiddenPage<Element: Codable>: Codable, Message {
  struct Item: Codable, Message {}
  var items: [Element]
}
enum Crawl {
  struct Job: Codable, Hashable, Message { var x = 1 }
  fileprivate struct Secret: Codable, Message { var x = 1 }
}
private struct Renamed: Codable, Message {
  static var messageName: String { "Job" }
  var x = 1
}
private struct ByHand: Message {
  static var messageName: String { "Job" }
  var x = 1
  func encode(to writer: inout MessageWriter) { writer.write(x) }
  init(from reader: inout MessageReader) throws(ChannelError) { x = try reader.integer() }
}
private struct Larger: Codable, Message {
  static var messageName: String { "Job" }
  var x = 1
  var y = 2
}
private struct Pair<One, Other>: FixedLayoutMessage where One: BitwiseCopyable, Other: BitwiseCopyable {
  var one: One
  var other: Other
}
private struct Sample: FixedLayoutMessage, Codable, Hashable {
  struct Inner: Codable, Hashable { var a: UInt32 = 1, b: Int16 = -2, c: UInt8 = 3, d: Int8 = -4 }
  var time: UInt64 = 5
  var value = -0.5
  var vector = SIMD4<Float>(1, 2, 3, 4)
  var inner = Inner()
  var more: Float = 6
  var rest: UInt32 = 7
}
private struct Listed: FixedLayoutMessage { var values: InlineArray<4, UInt16> = [1, 2, 3, 4] }
private final class Box: Sendable {}
private enum Side: UInt8 { case left, right }
private struct WithText: FixedLayoutMessage { var text = "x" }
private struct WithBool: FixedLayoutMessage { var flag = true }
private struct WithSide: FixedLayoutMessage { var inner: Inner; struct Inner { var side = Side.left } }
private struct WithMirror: FixedLayoutMessage, CustomReflectable {
  var flag = true
  var customMirror: Mirror { Mirror(self, children: ["flag": UInt8(1)], displayStyle: .struct) }
}
private struct WithOptional: FixedLayoutMessage { var value: UInt8? = 1 }
@safe private struct WithPointer: FixedLayoutMessage { var value: UnsafeRawPointer? }

extension AllTests {
  @Suite struct MessageTypeOfTests {
    private func refusal<Element: Message>(_ type: Element.Type) -> String {
      do throws(ChannelError) {
        _ = try MessageType(of: type)
        return ""
      } catch {
        #expect(error.code == .notSupported)
        return error.message
      }
    }
    private func name<Element: Message>(_ type: Element.Type) throws -> String {
      try MessageType(of: type).name
    }

    @Test func namesHaveNoModule() throws {
      #expect(try name(Int.self) == "Int")
      #expect(try name(Plain.self) == "Plain")
      #expect(try name(Crawl.Job.self) == "Crawl.Job")
      #expect(try name(Page<Crawl.Job>.self) == "Page<Crawl.Job>")
      #expect(try name(Page<[String: Crawl.Job?]>.self) == "Page<Dictionary<String, Optional<Crawl.Job>>>")
      #expect(try name([Crawl.Job].self) == "[Crawl.Job]")
      #expect(try name([[String: Crawl.Job?]].self) == "[[String: Crawl.Job?]]")
      #expect(try name(Set<String>?.self) == "{String}?")
      #expect(try name([Renamed].self) == "[Job]")
      #expect(try name(SIMD4<Float>.self) == "SIMD4<Float>")
    }

    /// An address would be in them otherwise, which differs from run to run.
    @Test func privateTypesHaveNamesThatStay() throws {
      #expect(try name(Hidden.self) == "Hidden")
      #expect(try name(HiddenPage<Hidden>.self) == "HiddenPage<Hidden>")
      #expect(try name(HiddenPage<Hidden>.Item.self) == "HiddenPage<Hidden>.Item")
      #expect(try name(Crawl.Secret.self) == "Crawl.Secret")
    }

    @Test func aTypeOfAFunctionNeedsAName() throws {
      struct Local: Codable, Message {}
      struct Named: Codable, Message { static var messageName: String { "Named" } }
      let sentence = refusal(Local.self)
      #expect(sentence.contains("add static var messageName: String { \"Local\" }"), "\(sentence)")
      #expect(
        refusal([Local].self) != "" && refusal([String: Local?].self) != ""
          && refusal(Page<LocalKey>.self) == "")
      #expect(refusal(HiddenPage<Local>.self) != "" && refusal(HiddenPage<Local>.Item.self) != "")
      #expect(try name(Named.self) == "Named")
      #expect(refusal(Set<LocalKey>.self) == "")
      do throws(ChannelError) {
        _ = try Channel<Local>(over: .pipe)
        Issue.record("opened")
      } catch {
        #expect(error.code == .notSupported)
      }
    }

    @Test func codingSizeAndNameMakeTheDifference() throws {
      let prints = try [
        MessageType(of: Renamed.self), MessageType(of: ByHand.self), MessageType(of: Larger.self),
        MessageType(of: [Renamed].self), MessageType(of: [ByHand].self), MessageType(of: Int.self),
        MessageType(of: UInt.self), MessageType(of: String.self), MessageType(of: [UInt8].self),
        MessageType(of: Double.self), MessageType(of: Renamed?.self), MessageType(of: Hidden.self),
      ]
      #expect(Set(prints.map(\.fingerprint)).count == prints.count)
      #expect(try MessageType(of: Renamed.self) == MessageType(of: Renamed.self))
      #expect(Plain.messageCoding == .binary && Sample.messageCoding == .fixed && Int.messageCoding == .fixed)
      #expect(
        Bool.messageCoding == .custom && ByHand.messageCoding == .custom && Token.messageCoding == .custom)
      #expect(String.messageCoding == .text && [UInt8].messageCoding == .bytes)
    }

    @Test func layoutsThatAreFixed() throws {
      for found in [
        refusal(Sample.self), refusal(Listed.self), refusal(SIMD64<UInt8>.self), refusal(SIMD2<Double>.self),
        refusal(Pair<UInt64, Pair<UInt32, UInt32>>.self), refusal(Int128.self),
        refusal(InlineArray<3, Float>.self),
        refusal([Sample].self),
      ] { #expect(found == "") }
      var writer = MessageWriter()
      try Sample().encode(to: &writer)
      #expect(writer.bytes.count == MemoryLayout<Sample>.size)
      #expect(writer.bytes.prefix(8) == [5, 0, 0, 0, 0, 0, 0, 0])
      #expect(try Sample(decoding: writer.bytes.span) == Sample())
      for count in 0..<writer.bytes.count {
        let part = Array(writer.bytes[..<count])
        #expect(code { () throws(ChannelError) in _ = try Sample(decoding: part.span) } == .invalidMessage)
      }
      writer.removeAll()
      try Listed().encode(to: &writer)
      #expect(writer.bytes == [1, 0, 2, 0, 3, 0, 4, 0])
    }

    /// No endpoint is opened for it: it is a part of another message, an argument of an actor, or decoded by hand.
    @Test func layoutsOfPartsAreCheckedToo() throws {
      func refuses<Value: FixedLayoutMessage>(_ value: Value) {
        for _ in 0..<2 {
          var writer = MessageWriter()
          #expect(code { () throws(ChannelError) in try value.encode(to: &writer) } == .notSupported)
          #expect(code { () throws(ChannelError) in try writer.write(message: value) } == .notSupported)
          #expect(code { () throws(ChannelError) in try [value].encode(to: &writer) } == .notSupported)
          let zeros = [UInt8](repeating: 0, count: MemoryLayout<Value>.size)
          #expect(
            code { () throws(ChannelError) in _ = try Value(decoding: zeros.span) } == .notSupported)
        }
      }
      refuses(WithText())
      refuses(WithBool())
      refuses(WithSide(inner: .init()))
      refuses(WithOptional())
      refuses(Pair<UInt8, UInt64>(one: 1, other: 2))
      // Many types share a slot of those that were checked.
      var writer = MessageWriter()
      for _ in 0..<3 {
        writer.removeAll()
        try writer.write(message: Sample())
        try writer.write(message: Pair<UInt32, UInt32>(one: 1, other: 2))
        try writer.write(message: SIMD8<UInt16>(repeating: 3))
        var reader = MessageReader(writer.bytes.span)
        #expect(try reader.message(as: Sample.self) == Sample())
        #expect(try reader.message(as: Pair<UInt32, UInt32>.self).other == 2)
        #expect(try reader.message(as: SIMD8<UInt16>.self)[7] == 3)
      }
    }

    @Test func layoutsThatAreNot() {
      for (sentence, words) in [
        (refusal(WithText.self), "reference"), (refusal(WithBool.self), "flag is a Bool"),
        (refusal(WithSide.self), "inner.side is a Side"),
        (refusal(WithOptional.self), "value is a Optional<UInt8>"),
        (refusal(WithPointer.self), "value is a"), (refusal(Pair<UInt8, UInt64>.self), "padding"),
        (refusal(Pair<UInt32, SIMD3<Float>>.self), "padding"),
        (refusal(Pair<UInt64, Float80>.self), "Float80"),
        (refusal(WithMirror.self), "mirror of its own"),
        (refusal([WithBool].self), "flag"), (refusal([String: WithBool?].self), "flag"),
      ] {
        #expect(sentence.contains(words), "\(sentence)")
        #expect(sentence.contains("make the type Codable, Message"), "\(sentence)")
      }
    }
  }
}

private struct LocalKey: Codable, Hashable, Message {}
