import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct LineFramingTests {
    private func lines(_ decoder: FrameDecoder) throws(ChannelError) -> [String] {
      try decoder.drain().map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("lines are whole, wherever the stream is cut")
    func cutAnywhere() throws {
      var random = SeededRandom.printed()
      for _ in 0..<60 {
        let messages = (0..<30).map { _ in random.bytes(0...80).filter { $0 != 10 } as [UInt8] }
        var wire = messages.flatMap { $0 + [10] as [UInt8] }[...]
        let decoder = FrameDecoder(framing: .line)
        var found: [[UInt8]] = []
        while !wire.isEmpty {
          let piece = wire.prefix(Int.random(in: 1...50, using: &random))
          wire = wire.dropFirst(piece.count)
          decoder.feed(Array(piece))
          found += try decoder.drain()
        }
        #expect(found == messages)
        #expect(decoder.lastLine() == nil)
      }
    }

    @Test("a last line without a newline is read once, at the end")
    func lastLine() throws {
      let decoder = FrameDecoder(framing: .line)
      decoder.feed(Array("one\n\ntwo".utf8))
      #expect(try lines(decoder) == ["one", ""])
      #expect(decoder.lastLine() == Array("two".utf8))
      #expect(decoder.lastLine() == nil)
      #expect(try lines(decoder) == [])
      #expect(decoder.isEmpty)
    }

    @Test("a line at the limit is accepted; a longer one is refused, with or without its newline")
    func lengthLimit() throws {
      let decoder = FrameDecoder(maximum: 5, framing: .line)
      decoder.feed(Array("12345\n12345".utf8))
      #expect(try lines(decoder) == ["12345"])
      decoder.feed([10])
      #expect(try lines(decoder) == ["12345"])
      for text in ["123456\n", "123456"] {
        let decoder = FrameDecoder(maximum: 5, framing: .line)
        decoder.feed(Array(text.utf8))
        #expect(code { () throws(ChannelError) in try decoder.drain() } == .protocolViolation)
      }
    }

    @Test("a message that contains a newline is refused before anything is sent")
    func newlineInAMessage() throws {
      var options = ChannelOptions()
      options.framing = .line
      for coalesces in [false, true] {
        options.coalesces = coalesces
        var channel = try ByteChannel(over: .pipe, options: options)
        #expect(code { () throws(ChannelError) in try channel.sender.send("a\nb") } == .invalidMessage)
        #expect(
          code { () throws(ChannelError) in
            try channel.sender.send(capacity: 2) { output in
              output.append(97)
              output.append(10)
            }
          } == .invalidMessage)
        try channel.sender.send("c")
        try channel.sender.flush()
        #expect(try channel.receiver.receive(String.self) == "c")
      }
    }

    @Test("text of another program is read as lines, the last one included")
    func endToEnd() throws {
      var options = ChannelOptions()
      options.framing = .line
      let channel = try ByteChannel(over: .pipe, options: options)
      var receiver = try sendAll(channel, ["", "grün", String(repeating: "x", count: 9000)])
      var found: [String] = []
      while let line = try receiver.next(String.self) { found.append(line) }
      #expect(found == ["", "grün", String(repeating: "x", count: 9000)])
    }

    /// Sends, closes, and returns the receiver.
    private func sendAll(
      _ channel: consuming ByteChannel, _ lines: [String]
    ) throws(ChannelError) -> ByteReceiver {
      for line in lines { try channel.sender.send(line) }
      try channel.sender.close()
      return channel.receiver
    }
  }
}
