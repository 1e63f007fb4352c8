import Glibc
import Synchronization
import SystemCalls

/// The contents of the tests' messages: a function of the message's number and the byte's index, so that a lost, doubled,
/// moved or foreign byte is detected.
package enum Pattern {
  // A prime: no multiple of a page, a packet or a slot, so a fragment in another's place is detected.
  private static let period = 65521
  private static let storage = Locked<[UInt8]>([])

  /// The pattern's first bytes, at least `count` of them.
  private static func source(_ count: Int) -> [UInt8] {
    storage.withLock { bytes in
      if bytes.isEmpty {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        bytes.reserveCapacity(period)
        for _ in 0..<period {
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          bytes.append(UInt8(truncatingIfNeeded: state >> 56))
        }
      }
      while bytes.count < count { bytes.append(contentsOf: Array(bytes)) }
      return bytes
    }
  }

  private static func offset(_ sequence: Int) -> Int { (sequence &* 257) % period }

  /// The bytes of message `sequence`.
  package static func bytes(_ sequence: Int, _ count: Int) -> [UInt8] {
    let start = offset(sequence)
    return Array(source(start + count)[start..<(start + count)])
  }

  /// Whether these are the bytes of message `sequence`, every one of them.
  package static func matches(_ span: Span<UInt8>, _ sequence: Int) -> Bool {
    guard span.count > 0 else { return true }
    let start = offset(sequence)
    let expected = source(start + span.count)
    return unsafe span.withUnsafeBytes { found in
      unsafe expected.withUnsafeBytes { expected in
        unsafe memcmp(found.baseAddress!, expected.baseAddress! + start, found.count) == 0
      }
    }
  }
}
