import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct FrameDecoderTests {
    @Test("messages are whole, wherever the stream is cut")
    func cutAnywhere() throws {
      var random = SeededRandom.printed()
      for _ in 0..<60 {
        let messages = (0..<20).map { _ in random.bytes(random.chance(4) ? 0...3000 : 0...20) }
        var wire = messages.flatMap { frame($0) }[...]
        let decoder = FrameDecoder()
        var found: [[UInt8]] = []
        while !wire.isEmpty {
          let most = random.chance(2) ? 3 : 700
          let piece = wire.prefix(Int.random(in: 1...most, using: &random))
          wire = wire.dropFirst(piece.count)
          decoder.feed(Array(piece))
          found += try decoder.drain()
        }
        #expect(found == messages)
        decoder.release()
        #expect(decoder.isEmpty)
      }
    }

    @Test("interleaved fragments of several senders become each sender's messages in order")
    func interleavedSenders() throws {
      var random = SeededRandom.printed()
      for _ in 0..<40 {
        let senders = Int.random(in: 1...6, using: &random)
        let messages = (0..<senders).map { _ in (0..<8).map { _ in random.bytes(0...200) } }
        var parts = messages.enumerated().map { sender, list in
          list.flatMap { split($0, stream: UInt32(sender) &* 0x0101_0101, using: &random) }[...]
        }
        var wire: [UInt8] = []
        var order: [Int] = []
        while let sender = parts.indices.filter({ !parts[$0].isEmpty }).randomElement(using: &random) {
          let part = parts[sender].removeFirst()
          wire += part.bytes
          if part.isLast { order.append(sender) }
        }
        var next = [Int](repeating: 0, count: senders)
        let expected = order.map { sender in
          defer { next[sender] += 1 }
          return messages[sender][next[sender]]
        }
        let decoder = FrameDecoder()
        var found: [[UInt8]] = []
        for start in stride(from: 0, to: wire.count, by: 37) {
          decoder.feed(Array(wire[start..<min(start + 37, wire.count)]))
          found += try decoder.drain()
        }
        #expect(found == expected)
        #expect(decoder.openStreams.isEmpty)
      }
    }

    private func split(
      _ message: [UInt8], stream: UInt32, using random: inout SeededRandom
    ) -> [(bytes: [UInt8], isLast: Bool)] {
      var rest = message[...]
      var parts: [(bytes: [UInt8], isLast: Bool)] = []
      while true {
        let body = Array(rest.prefix(Int.random(in: 0...60, using: &random)))
        rest = rest.dropFirst(body.count)
        let isLast = rest.isEmpty && !random.chance(4)
        parts.append((frame(body, stream: stream, continues: !parts.isEmpty, more: !isLast), isLast))
        if isLast { return parts }
      }
    }

    @Test("an abandoned message is dropped when its sender begins the next, whole or in fragments")
    func abandonedMessages() throws {
      let decoder = FrameDecoder()
      decoder.feed(frame([1, 2], stream: 5, more: true))
      decoder.feed(frame([3], stream: 5, continues: true, more: true))
      #expect(try decoder.drain() == [])
      #expect(Array(decoder.openStreams) == [5])
      #expect(!decoder.isEmpty)
      // Another sender's message doesn't end it; a new one of the same sender does.
      decoder.feed(frame([9], stream: 6))
      #expect(try decoder.drain() == [[9]])
      #expect(Array(decoder.openStreams) == [5])
      decoder.feed(frame([4], stream: 5))
      #expect(try decoder.drain() == [[4]])
      #expect(decoder.openStreams.isEmpty)
      decoder.feed(frame([1], stream: 5, more: true) + frame([7], stream: 5, more: true))
      decoder.feed(frame([8], stream: 5, continues: true))
      #expect(try decoder.drain() == [[7, 8]])
    }

    @Test("fragments without a beginning are skipped up to the next beginning")
    func fragmentsWithoutBeginning() throws {
      let decoder = FrameDecoder()
      decoder.feed(frame([1], stream: 3, continues: true, more: true))
      decoder.feed(frame([2], stream: 3, continues: true))
      #expect(try decoder.drain() == [])
      #expect(decoder.openStreams.isEmpty)
      decoder.feed(frame([3], stream: 3, more: true) + frame([], stream: 3, continues: true))
      #expect(try decoder.drain() == [[3]])
    }

    @Test("a partial message at the end of the stream is no message")
    func partialMessageAtTheEnd() throws {
      let wire = frame([1, 2, 3]) + frame([4, 5, 6], more: true) + frame([7], continues: true)
      for count in 0..<wire.count {
        let decoder = FrameDecoder()
        decoder.feed(Array(wire[..<count]))
        #expect(try decoder.drain() == (count >= 11 ? [[1, 2, 3]] : []))
        #expect(decoder.lastLine() == nil)
        #expect(decoder.isEmpty)
      }
    }

    @Test("a header with a length over the limit is refused; one at the limit isn't")
    func lengthOverTheLimit() throws {
      let decoder = FrameDecoder(maximum: 100)
      decoder.feed(frame([UInt8](repeating: 1, count: 100)))
      #expect(try decoder.drain().map(\.count) == [100])
      for count in [101, 4096, FrameHeader.maximumCount] {
        for (continues, more) in [(false, false), (false, true), (true, true), (true, false)] {
          let decoder = FrameDecoder(maximum: 100)
          decoder.feed(header(FrameHeader(stream: 2, count: count, continues: continues, more: more)))
          #expect(code { () throws(ChannelError) in try decoder.drain() } == .protocolViolation)
          // Every further call throws: the stream can't be resumed.
          #expect(code { () throws(ChannelError) in try decoder.drain() } == .protocolViolation)
        }
      }
    }

    @Test("fragments that exceed the limit together are refused, without collecting them all")
    func sumOverTheLimit() throws {
      let decoder = FrameDecoder(maximum: 100)
      let forty = [UInt8](repeating: 1, count: 40)
      decoder.feed(frame(forty, more: true) + frame(forty, continues: true, more: true))
      #expect(try decoder.drain() == [])
      decoder.feed(frame([UInt8](repeating: 2, count: 20), continues: true, more: true))
      #expect(try decoder.drain() == [], "exactly the limit is allowed")
      decoder.feed(frame([1], continues: true))
      #expect(code { () throws(ChannelError) in try decoder.drain() } == .protocolViolation)
    }

    private func begin(_ decoder: FrameDecoder, _ streams: Range<UInt32>) throws {
      for stream in streams { decoder.feed(frame([1], stream: stream, more: true)) }
      #expect(try decoder.drain() == [])
    }

    @Test("1024 messages of living senders can be incomplete at once; one more is refused")
    func tooManyStreams() throws {
      let decoder = FrameDecoder(senders: .several { _ in true })
      try begin(decoder, 2..<1026)
      #expect(decoder.openStreams.count == 1024)
      // Incomplete messages can begin again, and whole messages of others pass.
      decoder.feed(frame([2], stream: 7, more: true) + frame([3], stream: 5000))
      #expect(try decoder.drain() == [[3]])
      decoder.feed(frame([1], stream: 1026, more: true))
      #expect(code { () throws(ChannelError) in try decoder.drain() } == .protocolViolation)
    }

    @Test("what dead senders have begun is dropped, and what living ones have begun isn't")
    func deadSenders() throws {
      var questions = 0
      let decoder = FrameDecoder(
        senders: .several {
          questions += 1
          return $0 % 100 == 0
        })
      try begin(decoder, 2..<5000)
      #expect(decoder.openStreams.count <= 49 * 2 + FragmentAssembler.fewSenders)
      #expect(questions < 4 * 5000, "a look for each begun message, and not much more")
      for stream in stride(from: UInt32(100), to: 5000, by: 100) {
        decoder.feed(frame([2], stream: stream, continues: true))
        #expect(try decoder.drain() == [[1, 2]])
      }
    }

    @Test("where senders can't be asked for, the message that has waited longest makes room")
    func unknownSenders() throws {
      let decoder = FrameDecoder()
      try begin(decoder, 2..<1026)
      decoder.feed(frame([2], stream: 2, continues: true, more: true))
      try begin(decoder, 1026..<1027)
      #expect(decoder.openStreams.count == 1024)
      decoder.feed(frame([3], stream: 2, continues: true) + frame([3], stream: 3, continues: true))
      #expect(try decoder.drain() == [[1, 2, 3]])
    }

    @Test("where one sender at a time sends fragments, a beginning ends what others have begun")
    func oneSenderAtATime() throws {
      let decoder = FrameDecoder(senders: .oneAtATime)
      try begin(decoder, 2..<50)
      #expect(Array(decoder.openStreams) == [49])
      decoder.feed(frame([2], stream: 49, continues: true))
      #expect(try decoder.drain() == [[1, 2]])
    }

    @Test("random bytes are messages or an error, never over the limit, never a crash", arguments: 0..<4)
    func randomBytes(kind: Int) {
      var random = SeededRandom.printed()
      for _ in 0..<150 {
        let decoder = FrameDecoder(maximum: 256, framing: kind == 3 ? .line : .frames)
        var isRefused = false
        for _ in 0..<20 where !isRefused {
          switch kind {
          case 0: decoder.feed(random.bytes(0...300))
          case 1:
            // Headers that are nearly valid.
            decoder.feed(
              header(
                FrameHeader(
                  stream: UInt32.random(in: 0...2, using: &random),
                  count: Int.random(in: 0...300, using: &random), continues: Bool.random(using: &random),
                  more: Bool.random(using: &random))))
            decoder.feed(random.bytes(0...300))
          case 2:
            // Valid frames with one wrong byte.
            var wire = frame(random.bytes(0...40), more: random.chance(3))
            wire[Int.random(in: 0..<wire.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            decoder.feed(wire)
          default: decoder.feed(random.bytes(0...300))
          }
          do throws(ChannelError) {
            let found = try decoder.drain()
            #expect(found.allSatisfy { $0.count <= 256 })
          } catch {
            // Some bytes are a hello of another version.
            #expect(error.code == .protocolViolation || error.code == .versionMismatch)
            isRefused = true
          }
        }
        _ = decoder.lastLine()
      }
    }

    @Test("a message in place stays unchanged until the next one is asked for")
    func lentInPlace() throws {
      let decoder = FrameDecoder(bufferBytes: 16)
      decoder.feed(frame([1, 2, 3]) + frame([4, 5]))
      let first = unsafe try #require(try decoder.next())
      #expect(!decoder.isEmpty)
      let copy = unsafe Array(first)
      #expect(copy == [1, 2, 3])
      #expect(try decoder.drain() == [[4, 5]])
    }
  }
}
