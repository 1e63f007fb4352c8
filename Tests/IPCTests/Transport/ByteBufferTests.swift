import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct ByteBufferTests {
    @Test("random operations leave the same bytes as an array's")
    func againstAnArray() {
      var random = SeededRandom.printed()
      for _ in 0..<40 {
        let buffer = ByteBuffer(capacity: Int.random(in: 0...100, using: &random))
        var model: [UInt8] = []
        for _ in 0..<300 {
          switch Int.random(in: 0..<10, using: &random) {
          case 0..<4:
            let bytes = random.bytes(0...60)
            unsafe bytes.span.withUnsafeBytes { unsafe buffer.append($0) }
            model += bytes
          case 4..<6:
            // Only some of the room is filled.
            let wanted = Int.random(in: 1...100, using: &random)
            let bytes = random.bytes(0...wanted)
            let room = unsafe buffer.room(wanted)
            let enough = room.count >= wanted
            #expect(enough)
            if !bytes.isEmpty { unsafe room.copyBytes(from: bytes) }
            buffer.filled(bytes.count)
            model += bytes
          case 6..<9:
            let count = Int.random(in: 0...model.count, using: &random)
            buffer.dropFirst(count)
            model.removeFirst(count)
          default:
            if random.chance(8) {
              buffer.removeAll()
              model = []
            }
          }
          #expect(buffer.count == model.count)
          let held = unsafe Array(buffer.bytes)
          #expect(held == model)
          #expect(buffer.capacity >= model.count)
        }
      }
    }

    @Test("bytes that were read make room: a steady stream needs no more memory")
    func memoryIsReused() {
      let buffer = ByteBuffer(capacity: 64)
      let bytes = [UInt8](0..<40)
      for _ in 0..<1000 {
        unsafe bytes.span.withUnsafeBytes { unsafe buffer.append($0) }
        buffer.dropFirst(20)
        buffer.dropFirst(20)
      }
      #expect(buffer.capacity == 64)
      let half = [UInt8](0..<20)
      // Unread bytes are moved to the front, and the buffer doesn't grow.
      unsafe bytes.span.withUnsafeBytes { unsafe buffer.append($0) }
      for _ in 0..<1000 {
        buffer.dropFirst(20)
        unsafe half.span.withUnsafeBytes { unsafe buffer.append($0) }
      }
      #expect(buffer.count == 40)
      #expect(buffer.capacity == 64)
    }

    @Test("the address stays the same while there is room")
    func stableAddress() {
      let buffer = ByteBuffer(capacity: 128)
      let before = unsafe UInt(bitPattern: buffer.room(1).baseAddress!)
      buffer.filled(100)
      let after = unsafe UInt(bitPattern: buffer.room(28).baseAddress!)
      #expect(after == before + 100)
    }
  }
}
