import Glibc
import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// The peer writes arbitrary values into the shared memory.
  @Suite struct HostileRingTests {
    typealias Offset = TestRing.Offset

    private func refusal(_ receiver: RingReceiver) -> ChannelError.Code? {
      code { () throws(ChannelError) in try receiver.receive(until: .now) }
    }

    @Test("memory whose header doesn't fit its size is refused")
    func invalidHeaders() throws {
      let ring = try TestRing()
      func isRing() throws -> Bool { try unsafe Ring(ring.memory.bytes, .memory) != nil }
      #expect(try isRing())
      for capacity: UInt64 in [
        0, 1, 8, 2048, 4095, 4097, 6144, 8192, 1 << 40, 1 << 41, 1 << 62, 1 << 63, .max,
      ] {
        ring.overwrite(8, capacity)
        #expect(try !isRing(), "\(capacity)")
      }
      ring.overwrite(8, 4096)
      #expect(try isRing())
      // A ring of version 1 had zeros there.
      for version: UInt64 in [0, 1, 3, 0xFFFF_FFFF] {
        ring.overwrite(16, version)
        #expect(
          code { () throws(ChannelError) in _ = try unsafe Ring(ring.memory.bytes, .memory) }
            == .versionMismatch)
      }
      ring.overwrite(16, UInt64(WireFormat.version))
      let right = ring.word(Offset.magic)
      for magic: UInt64 in [0, .max, right + 1] {
        ring.overwrite(0, magic)
        #expect(try !isRing())
      }
      for count in [0, 7, 8, 16, 4095, 4096, 8191] {
        let small = TestRing.Memory(count: count)
        if count >= 24 { unsafe Ring.format(small.bytes, capacity: 4096) }
        let found = try unsafe Ring(small.bytes, .memory) != nil
        #expect(!found)
      }
    }

    @Test(
      "an invalid tail is refused",
      arguments: [4097, 4104, 8192, 1 << 40, UInt64.max, UInt64.max - 7, 1, 4, 7, 12, 4095])
    func invalidTails(tail: UInt64) throws {
      let ring = try TestRing()
      let receiver = try ring.receiver()
      ring.overwrite(Offset.tail, tail)
      for _ in 0..<2 { #expect(refusal(receiver) == .protocolViolation) }
      receiver.close()
    }

    @Test("a tail that moves back is refused")
    func tailGoesBack() throws {
      let ring = try TestRing()
      let (sender, receiver) = try (ring.sender(), ring.receiver())
      #expect(try sender.send([UInt8](0..<100)))
      #expect(try receiver.receive() == [UInt8](0..<100))
      ring.overwrite(Offset.tail, 8)
      #expect(refusal(receiver) == .protocolViolation)
      receiver.close()
      sender.close()
    }

    @Test("a record beyond the published bytes, or beyond the end, is refused")
    func invalidRecords() throws {
      for count in [1, 8, 9, 4088, 4096, 1 << 20, FrameHeader.maximumCount] {
        for stream in [0, Ring.fillerStream] {
          let ring = try TestRing()
          let receiver = try ring.receiver()
          ring.overwriteRecord(at: 0, FrameHeader(stream: stream, count: count))
          ring.overwrite(Offset.tail, 8)
          #expect(refusal(receiver) == .protocolViolation)
          receiver.close()
        }
      }
      // 8 bytes before the end, a record of 16.
      let ring = try TestRing()
      let receiver = try ring.receiver()
      ring.overwriteRecord(at: 0, FrameHeader(stream: Ring.fillerStream, count: 4080))
      ring.overwrite(Offset.tail, 4088)
      #expect(try receiver.receive(until: .now) == nil)
      ring.overwriteRecord(at: 4088, FrameHeader(stream: 0, count: 8))
      ring.overwrite(Offset.tail, 4088 + 16)
      #expect(refusal(receiver) == .protocolViolation)
      receiver.close()
    }

    @Test("a message over the limit is refused, in one record or in fragments")
    func overTheLimit() throws {
      let ring = try TestRing(maximum: 100)
      let receiver = try ring.receiver()
      ring.overwriteRecord(at: 0, FrameHeader(stream: 0, count: 104))
      ring.overwrite(Offset.tail, 112)
      #expect(refusal(receiver) == .protocolViolation)
      receiver.close()
      let other = try TestRing(maximum: 100)
      let second = try other.receiver()
      for index in 0..<3 {
        other.overwriteRecord(
          at: index * 48, FrameHeader(stream: 0, count: 40, continues: index > 0, more: true))
      }
      other.overwrite(Offset.tail, 144)
      #expect(refusal(second) == .protocolViolation)
      second.close()
    }

    @Test("a fragment without a beginning is skipped, an abandoned beginning is dropped")
    func invalidFragments() throws {
      let ring = try TestRing()
      let receiver = try ring.receiver()
      ring.overwriteRecord(at: 0, FrameHeader(stream: 0, count: 8, continues: true))
      ring.overwriteRecord(at: 16, FrameHeader(stream: 0, count: 8, more: true))
      ring.overwriteRecord(at: 32, FrameHeader(stream: 0, count: 0))
      ring.overwriteRecord(at: 40, FrameHeader(stream: 0, count: 8, continues: true))
      ring.overwrite(Offset.tail, 56)
      #expect(try receiver.receive(until: .now) == [])
      #expect(try receiver.receive(until: .now) == nil)
      receiver.close()
    }

    @Test(
      "a receiver that claims to have read more than was sent is refused",
      arguments: [4096, 1 << 40, 1 << 63, UInt64.max - 4095, 4, 1])
    func invalidHeads(head: UInt64) throws {
      let ring = try TestRing()
      let sender = try ring.sender()
      ring.overwrite(Offset.head, head)
      var refused: ChannelError.Code?
      // The sender reads the head only when the ring seems full.
      for _ in 0..<200 where refused == nil {
        refused = code { () throws(ChannelError) in try sender.send([UInt8](0..<100), until: .now) }
      }
      #expect(refused == .protocolViolation)
      sender.close()
    }

    @Test(
      "positions that were invalid before an endpoint opened are refused",
      arguments: [
        (0, 8), (0, 1 << 62), (4, 4), (4092, 4092), (7, 0), (16, 4), (4104, 4092), (1 << 40, 0), (0, .max),
      ] as [(UInt64, UInt64)])
    func invalidPositionsBeforeOpening(tail: UInt64, head: UInt64) async {
      // In a separate process: a trap would end this one.
      await #expect(processExitsWith: .success) { [tail = tail as UInt64, head = head as UInt64] in
        for isSender in [true, false] {
          let ring = try TestRing()
          ring.overwrite(Offset.tail, tail)
          ring.overwrite(Offset.head, head)
          var refused: ChannelError.Code?
          do throws(ChannelError) {
            if isSender {
              let sender = try ring.sender()
              for _ in 0..<200 { _ = try sender.send([UInt8](0..<100), until: .now) }
            } else {
              // The rest is valid: a record was published after the head.
              if tail == head { ring.overwrite(Offset.tail, (tail &+ 16) & ~7) }
              _ = try ring.receiver().receive(until: .now)
            }
          } catch {
            refused = error.code
          }
          guard refused == .protocolViolation else { exit(1) }
        }
        exit(0)
      }
    }

    @Test("random contents are messages, nothing, or an error, never a crash")
    func randomContents() throws {
      var random = SeededRandom.printed()
      for _ in 0..<150 {
        let ring = try TestRing(maximum: 1000)
        let receiver = try ring.receiver()
        for offset in stride(from: Offset.data, to: Offset.data + 4096, by: 8) {
          let header = FrameHeader(
            stream: random.chance(5) ? Ring.fillerStream : 0, count: Int.random(in: 0...1100, using: &random),
            continues: Bool.random(using: &random), more: Bool.random(using: &random))
          ring.overwrite(offset, random.chance(4) ? random.next() : header.bits)
        }
        var tail: UInt64 = 0
        var isRefused = false
        for _ in 0..<40 where !isRefused {
          tail &+= random.chance(30) ? random.next() : UInt64.random(in: 0...64, using: &random) * 8
          ring.overwrite(Offset.tail, tail)
          do throws(ChannelError) {
            if let message = try receiver.receive(until: .now) { #expect(message.count <= 1000) }
          } catch {
            #expect(error.code == .protocolViolation)
            isRefused = true
          }
        }
        receiver.close()
      }
    }
  }
}
