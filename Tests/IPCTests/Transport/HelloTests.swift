import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// What a sender says first, and what a receiver of another type or version makes of it.
  @Suite struct HelloTests {
    private static let job = MessageType(coding: "test", size: 8, name: "Job")
    private static let page = MessageType(coding: "test", size: 8, name: "Page")

    private func decoder(_ type: MessageType?, maximum: Int = 1 << 20) -> FrameDecoder {
      var options = ChannelOptions()
      options.messageType = type
      options.maximumMessageBytes = maximum
      return FrameDecoder(mechanism: .fifo, options: options, bufferBytes: 64)
    }

    /// A hello of another version.
    private func hello(_ number: UInt32, version: Int, then rest: [UInt8] = []) -> [UInt8] {
      let body =
        [UInt8(version & 255), UInt8(version >> 8)]
        + (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      return frame(body + rest, stream: 1, continues: true)
    }

    @Test("it is to the byte what Framing.md says")
    func bytes() {
      let named = Hello(
        number: 0x0102_0304, type: MessageType(fingerprint: 0x1122_3344_5566_7788, name: "Jöb")
      ).frame
      #expect(
        named == [
          1, 0, 0, 0, 19, 0, 0, 0x40, 2, 0, 4, 3, 2, 1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 4,
          0x4A,
          0xC3,
          0xB6, 0x62,
        ])
      let untyped = Hello(number: 0, type: nil).frame
      #expect(untyped == [1, 0, 0, 0, 15, 0, 0, 0x40, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255])
    }

    @Test("a sender of the same type, or one end without a type, is no message and no error")
    func fitting() throws {
      for (mine, theirs) in [(Self.job, Self.job), (nil, Self.job), (Self.job, nil), (nil, nil)]
        as [(MessageType?, MessageType?)]
      {
        let decoder = decoder(mine)
        decoder.feed(Hello(number: 5, type: theirs).frame + frame([1], stream: 5))
        #expect(try decoder.drain() == [[1]])
        #expect(decoder.rejectedBytes == 0)
      }
    }

    @Test(
      "a sender of another type is an error once, and its frames are dropped; others continue",
      arguments: [false, true])
    func anotherType(pieces: Bool) throws {
      let decoder = decoder(Self.job)
      let bad =
        Hello(number: 7, type: Self.page).frame + frame([7], stream: 7)
        + frame([7], stream: 7, more: true) + frame([7], stream: 7, continues: true)
      let wire =
        frame([1], stream: 5, more: true) + frame([7], stream: 7, more: true) + bad
        + frame([2], stream: 5, continues: true) + frame([7], stream: 7) + frame([3], stream: 6)
      var found: [[UInt8]] = []
      var sentences: [String] = []
      for piece in pieces ? wire.map({ [$0] }) : [wire] {
        decoder.feed(piece)
        while true {
          do throws(ChannelError) {
            found += try decoder.drain()
            break
          } catch {
            #expect(error.code == .typeMismatch)
            sentences.append(error.message)
          }
        }
      }
      #expect(found == [[1, 2], [3]])
      #expect(sentences.count == 1)
      #expect(sentences.allSatisfy { $0.contains("Job") && $0.contains("Page") })
      #expect(decoder.openStreams.isEmpty)
      #expect(decoder.rejectedBytes == bad.count + frame([7]).count)
    }

    @Test("a number that another sender gets later, with the right type, is taken again")
    func sameNumber() throws {
      let decoder = decoder(Self.job)
      decoder.feed(Hello(number: 0, type: Self.page).frame)
      #expect(code(of: { () throws(ChannelError) in try decoder.drain() }) == .typeMismatch)
      decoder.feed(frame([1]) + Hello(number: 0, type: Self.job).frame + frame([2]))
      #expect(try decoder.drain() == [[2]])
    }

    @Test(
      "a sender of another version is an error that names both, whatever else it says",
      arguments: [0, 1, 3, 65_535])
    func anotherVersion(version: Int) throws {
      for rest in [[], [1], [UInt8](repeating: 9, count: 100)] as [[UInt8]] {
        for mine in [nil, Self.job] {
          let decoder = decoder(mine)
          decoder.feed(hello(9, version: version, then: rest) + frame([1], stream: 9) + frame([2], stream: 8))
          let said = sentence(of: { () throws(ChannelError) in try decoder.drain() })
          #expect(said.contains("version 2") && said.contains("version \(version)"))
          #expect(try decoder.drain() == [[2]])
        }
      }
    }

    @Test("a hello fits a channel whose messages are smaller than it")
    func smallMaximum() throws {
      let decoder = decoder(Self.job, maximum: 4)
      decoder.feed(Hello(number: 0, type: Self.job).frame + frame([1, 2, 3, 4]))
      #expect(try decoder.drain() == [[1, 2, 3, 4]])
      let long = MessageType(fingerprint: Self.job.fingerprint, name: String(repeating: "x", count: 300))
      #expect(long.name.utf8.count == MessageType.longestName)
      decoder.feed(Hello(number: 0, type: long).frame + frame([5]))
      #expect(try decoder.drain() == [[5]])
      decoder.feed(frame([UInt8](repeating: 0, count: Hello.maximumBytes + 1), stream: 1, continues: true))
      #expect(code(of: { () throws(ChannelError) in try decoder.drain() }) == .protocolViolation)
    }

    @Test("a malformed hello is an error once, and its sender's frames are dropped")
    func malformed() throws {
      let right = Array(Hello(number: 6, type: Self.job).frame.dropFirst(FrameHeader.size))
      var bodies = (0..<right.count).map { Array(right.prefix($0)) }
      bodies.append(right + [0])
      for count: UInt8 in [0, 2, 4, 201, 254, 255] {
        var body = right
        body[14] = count
        bodies.append(body)
      }
      var invalid = right
      invalid[15] = 0xFF
      bodies.append(invalid)
      for body in bodies {
        let decoder = decoder(Self.job)
        decoder.feed(frame(body, stream: 1, continues: true) + frame([1], stream: 6) + frame([2], stream: 5))
        let found = code(of: { () throws(ChannelError) in try decoder.drain() })
        #expect(found == .protocolViolation, "\(body)")
        // Without a number nobody knows which sender it was.
        #expect(try decoder.drain() == (body.count < 6 ? [[1], [2]] : [[2]]), "\(body)")
      }
    }

    @Test("any number of wrong senders cost bounded memory, and none of them a crash")
    func manyWrong() throws {
      let decoder = decoder(Self.job)
      for number in 2..<5000 as Range<UInt32> {
        decoder.feed(Hello(number: number, type: Self.page).frame)
        #expect(code(of: { () throws(ChannelError) in try decoder.drain() }) == .typeMismatch)
      }
      #expect(decoder.rejectedSenders == 1024)
      decoder.feed(frame([1], stream: 4999) + frame([2], stream: 5000))
      #expect(try decoder.drain() == [[2]])
    }

    @Test("random hellos are taken or an error, never a crash")
    func randomHellos() {
      var random = SeededRandom.printed()
      for _ in 0..<3000 {
        let decoder = decoder(random.chance(2) ? Self.job : nil, maximum: 300)
        for _ in 0..<4 {
          var body =
            random.chance(2)
            ? random.bytes(0...Hello.maximumBytes)
            : Array(
              Hello(number: random.chance(2) ? 3 : .random(in: 0 ... .max, using: &random), type: Self.job)
                .frame.dropFirst(8))
          if !body.isEmpty, random.chance(2) {
            body[.random(in: 0..<body.count, using: &random)] = .random(in: 0...255, using: &random)
          }
          decoder.feed(
            frame(body, stream: 1, continues: !random.chance(4), more: random.chance(4))
              + frame([1], stream: 3))
          let found = code(of: { () throws(ChannelError) in try decoder.drain() })
          #expect([nil, .protocolViolation, .typeMismatch, .versionMismatch].contains(found))
        }
      }
    }

    // MARK: Names

    @Test("a text that was cut off behind the fingerprint is no type")
    func cutOffText() {
      let text = MessageType(coding: "test", size: 1, name: "J").text
      #expect(MessageType(text: text) != nil)
      for count in 1...2 { #expect(MessageType(text: String(text.dropLast(count))) == nil) }
    }

    @Test("a type comes back from its text and its word, whatever its name")
    func textAndWord() throws {
      for name in [
        "Job", " ", "a b", "%", "%41", "100 %", "Größe", "\u{301}x", "\u{1F469}\u{200D}\u{1F680}", "a:b",
        "x\ny\r\u{1B}[31m\u{9B}\u{202E}\u{2028}z",
      ] {
        let type = MessageType(coding: "test", size: 1, name: name)
        let text = try #require(MessageType(text: type.text), "\(name)")
        let word = try #require(MessageType(word: type.word), "\(name)")
        for back in [text, word] {
          #expect(back == type && back.name == type.name, "\(name)")
        }
        #expect(type.word.utf8.allSatisfy { $0 > 32 && $0 < 127 })
        for scalar in "\n\r\u{1B}\u{9B}\u{202E}\u{2028}".unicodeScalars {
          #expect(!type.name.unicodeScalars.contains(scalar))
        }
      }
    }

    @Test("a name over 200 bytes is cut at a character")
    func longNames() {
      for count in 190...210 {
        let name = MessageType(fingerprint: 1, name: String(repeating: "x", count: count) + "ööö").name
        #expect(name.utf8.count <= 200 && name.utf8.count >= min(199, count))
      }
    }

    @Test("random text is a type or nil, never a crash")
    func randomText() {
      var random = SeededRandom.printed()
      for garbage in [
        "", " ", ":", "x:", ":x", "g00:Job", "123456789abcdef01:Job", "-1:Job", "1", "1 ", "%%%",
      ] {
        _ = MessageType(text: garbage)
        _ = MessageType(word: garbage)
      }
      #expect(MessageType(word: "g00:Job") == nil && MessageType(text: "g00 Job") == nil)
      #expect(MessageType(word: "123456789abcdef01:Job") == nil && MessageType(text: "") == nil)
      for _ in 0..<2000 {
        let text = String(decoding: random.bytes(0...300), as: UTF8.self)
        for found in [MessageType(text: text), MessageType(word: text), MessageType(word: "1:" + text)] {
          if let found { #expect(found.name.utf8.count <= MessageType.longestName) }
        }
      }
    }
  }
}
