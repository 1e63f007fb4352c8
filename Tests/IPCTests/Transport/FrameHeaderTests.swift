import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct FrameHeaderTests {
    @Test("a header is equal to the one read from its bits")
    func roundTrip() {
      var random = SeededRandom.printed()
      for _ in 0..<10_000 {
        let header = FrameHeader(
          stream: UInt32.random(in: 0 ... .max, using: &random),
          count: Int.random(in: 0...FrameHeader.maximumCount, using: &random),
          continues: Bool.random(using: &random), more: Bool.random(using: &random))
        #expect(FrameHeader(header.bits) == header)
      }
    }

    @Test("any eight bytes are a header that encodes to the same bytes")
    func everyPatternIsAHeader() {
      var random = SeededRandom.printed()
      for bits in [0, .max, 1 << 63, 1 << 62] + (0..<10_000).map({ _ in random.next() }) {
        let header = FrameHeader(bits)
        #expect(header.bits == bits)
        #expect((0...FrameHeader.maximumCount).contains(header.count))
      }
    }

    @Test("the layout: stream, length, flags in the last byte")
    func layout() {
      #expect(header(FrameHeader(stream: 0x0403_0201, count: 0x0807_0605)) == [1, 2, 3, 4, 5, 6, 7, 8])
      let longest = FrameHeader(stream: 0, count: FrameHeader.maximumCount)
      #expect(header(longest) == [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x3F])
      #expect(header(FrameHeader(stream: 0, count: 0, more: true)).last == 0x80)
      #expect(header(FrameHeader(stream: 0, count: 0, continues: true)).last == 0x40)
      #expect(FrameHeader.size == 8)
    }
  }
}
