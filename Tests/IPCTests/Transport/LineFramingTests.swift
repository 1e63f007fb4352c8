import Glibc
import Measurement
import SystemCalls
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

    // MARK: The last line

    private static let streams: [(Mechanism, Subject.Form)] = [
      (.pipe, .anonymous), (.fifo, .anonymous), (.fifo, .named), (.unix, .anonymous), (.unix, .named),
      (.tcp, .anonymous), (.tcp, .named),
    ]

    @Test("a line that its sender's death has cut is an error with the bytes that came", arguments: streams)
    func cutByADeath(mechanism: Mechanism, form: Subject.Form) throws {
      Watchdog.at("\(mechanism) \(form)")
      var subject = try #require(
        Subject.once.first { $0.mechanism == mechanism && $0.form == form })
      subject.options.framing = .line
      if mechanism == .unix { subject.options.type = .stream }
      if mechanism == .fifo { subject.options.senders = .one }
      var line = try subject.fromPeer()
      if form == .named { #expect(try line.receiver.tryReceive { $0.count } == nil) }
      try line.peer.must("send-line 3")
      try line.peer.order("send-line 8000000")
      #expect(try line.receiver.receive(String.self) == "xxx")
      try untilReadable(line.receiver)
      try line.peer.kill()
      do throws(ChannelError) {
        try line.receiver.receive { _ in }
        Issue.record("received half a line")
      } catch {
        #expect(error.code == .truncatedMessage)
        let bytes = try #require(error.partialMessage)
        #expect(bytes.count > 0 && bytes.count < 8_000_000)
        #expect(bytes.allSatisfy { $0 == UInt8(ascii: "x") })
      }
      for _ in 0..<2 {
        #expect(code { () throws(ChannelError) in try line.receiver.receive { _ in } } == .closed)
      }
      Workspace.removePaths()
    }

    /// Waits until bytes are there, and leaves them.
    private func untilReadable(_ receiver: borrowing ByteReceiver) throws {
      guard case .descriptors(let descriptors, _) = receiver.transport.readiness else { return }
      #expect(try ppoll(try #require(descriptors.first), read: true, nanoseconds: 40_000_000_000))
    }

    /// What is received until the end, and how it ends.
    private func everything(_ receiver: inout ByteReceiver) throws -> (lines: [String], last: ChannelError?) {
      var lines: [String] = []
      do throws(ChannelError) {
        while let line = try receiver.next(String.self) { lines.append(line) }
      } catch {
        return (lines, error)
      }
      return (lines, nil)
    }

    @Test("another program's last line, without a newline, is a message where its end is orderly")
    func ofAnotherProgram() throws {
      let ends = try PipeEnds.pipe2()
      Streams.write(ends.writing.raw, "one\ntwo")
      // It duplicates the descriptor.
      var receiver = try ByteReceiver(at: "pipe:\(ends.reading.raw)?framing=line")
      ends.take { _, _ in }
      let found = try everything(&receiver)
      #expect(found.lines == ["one", "two"] && found.last == nil)
      let path = Workspace.path()
      var fifo = try ByteReceiver(at: "fifo:\(path)?framing=line")
      do {
        let writing = try Files.open(path, .write)
        Streams.write(writing.raw, "one\ntwo")
      }
      let other = try everything(&fifo)
      #expect(other.lines == ["one", "two"] && other.last == nil)
    }

    @Test("a command's last line is a message, unless a signal ended the command")
    func ofACommand() throws {
      var orderly = try ByteReceiver(at: "popen:printf one,two | tr , '\\n'")
      let found = try everything(&orderly)
      #expect(found.lines == ["one", "two"] && found.last == nil)
      for end in ["kill -9 $$", "sh -c 'kill -9 $$'"] {
        var killed = try ByteReceiver(at: "popen:printf one,two | tr , '\\n'; \(end)")
        let found = try everything(&killed)
        #expect(found.lines == ["one"])
        #expect(found.last?.code == .truncatedMessage)
        #expect(found.last?.partialMessage == Array("two".utf8))
      }
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
