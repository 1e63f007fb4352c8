import IPC
import IPCJSON
import Measurement
import TestSupport
import Testing

private struct Job: Codable, Hashable, JSONMessage {
  var url: String
  var depth: Int
  var ratio: Double?
}

/// `Codable` types as messages.
@Suite(.serialized, .watched) struct JSONMessageTests {
  private func encode(_ value: some Message) throws(ChannelError) -> [UInt8] {
    var writer = MessageWriter()
    try value.encode(to: &writer)
    return writer.bytes
  }

  private func decode(_ bytes: [UInt8]) throws(ChannelError) -> Job { try Job(decoding: bytes.span) }

  /// The error with which bytes are refused; nil when they are a value.
  private func refusal(_ bytes: [UInt8]) -> ChannelError? {
    do throws(ChannelError) {
      _ = try decode(bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test("a Codable type is sent as JSON")
  func json() throws {
    for job in [
      Job(url: "http://grün.example/?a=\"b\"", depth: -3, ratio: nil), Job(url: "", depth: .max, ratio: 0.1),
    ] { #expect(try decode(try encode(job)) == job) }
    #expect(Job.messageCoding == MessageCoding("json") && Job.messageName == "Job")
    #expect(try encode(Job(url: "x", depth: 1, ratio: nil)).first == UInt8(ascii: "{"))
    let text = Array(#"{"depth":1,"url":"x","more":[]}"#.utf8)
    #expect(try decode(text) == Job(url: "x", depth: 1, ratio: nil))
    let deep = Array((String(repeating: "[", count: 100_000)).utf8)
    #expect(refusal(deep)?.code == .invalidMessage)
    #expect(
      code { () throws(ChannelError) in _ = try encode(Job(url: "", depth: 0, ratio: .nan)) }
        == .invalidMessage)
  }

  @Test("JSON travels as a line, for programs that know no frames")
  func jsonLines() throws {
    var jobs = try Channel<Job>(at: "pipe:?framing=line")
    try jobs.sender.send(Job(url: "a\nb", depth: 1, ratio: nil))
    let line = Array(#"{"url":"echo","depth":2}"#.utf8)
    try jobs.sender.bytes.send(line.span)
    #expect(try jobs.receiver.receive() == Job(url: "a\nb", depth: 1, ratio: nil))
    #expect(try jobs.receiver.receive() == Job(url: "echo", depth: 2, ratio: nil))
  }

  @Test("every beginning of a JSON message is refused, with the type's name")
  func jsonPrefixes() throws {
    let bytes = try encode(Job(url: "http://example.com", depth: 12, ratio: 2.5))
    for count in 0..<bytes.count {
      let error = refusal(Array(bytes[..<count]))
      #expect(error?.message.contains("Job") == true)
    }
  }

  @Test("garbage is a value or an error, never a crash")
  func garbage() throws {
    var random = SeededRandom.printed()
    for _ in 0..<3000 {
      var bytes = random.chance(2) ? random.bytes(0...60) : try encode(Job(url: "x", depth: 1, ratio: 2))
      if !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let found = refusal(bytes)?.code
      #expect(found == nil || found == .invalidMessage)
    }
  }
}
