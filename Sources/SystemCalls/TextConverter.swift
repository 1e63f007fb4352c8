import Glibc

/// Converts text from one character encoding to another (iconv(3)).
@safe package struct TextConverter: ~Copyable {
  /// Why a conversion has stopped.
  package enum Stop {
    case end
    /// The input has a sequence that means nothing, or that the other encoding doesn't have.
    case invalid
    /// The input ends within a sequence.
    case incomplete
  }

  private static let room = 16 << 10

  private let handle: iconv_t

  /// iconv_open(3).
  ///
  /// - Parameters:
  ///   - source: the encoding of the input, by iconv's name.
  ///   - target: that of the output.
  /// - Returns: nil if this system can't convert between the two.
  package init?(from source: String, to target: String) {
    guard let handle = unsafe iconv_open(target, source), unsafe handle != iconv_t(bitPattern: -1) else {
      return nil
    }
    unsafe self.handle = handle
  }

  deinit { unsafe _ = iconv_close(handle) }

  /// Converts until the input ends or can't be converted, and appends the result.
  ///
  /// - Parameter position: the first byte to convert; afterwards the first that isn't converted.
  package mutating func convert(
    _ input: Span<UInt8>, from position: inout Int, appendingTo output: inout [UInt8]
  ) -> Stop {
    unsafe input.withUnsafeBufferPointer { bytes in
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Self.room) { room in
        while position < bytes.count {
          // iconv reads its input; the type of its parameter is older than const.
          var next =
            unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress! + position)
            .assumingMemoryBound(to: CChar.self) as UnsafeMutablePointer<CChar>?
          var left = bytes.count - position
          var free = room.baseAddress
          var count = room.count
          let result = unsafe iconv(handle, &next, &left, &free, &count)
          let reason = errno
          unsafe output.append(
            contentsOf: UnsafeRawBufferPointer(
              rebasing: UnsafeRawBufferPointer(room)[..<(room.count - count)]))
          position = bytes.count - left
          guard result == -1 else { continue }
          switch reason {
          case E2BIG: continue
          case EINVAL: return .incomplete
          default: return .invalid
          }
        }
        return .end
      }
    }
  }

  /// Ends the output where its encoding has states, such as ISO-2022-JP.
  package mutating func finish(appendingTo output: inout [UInt8]) {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Self.room) { room in
      var free = room.baseAddress
      var count = room.count
      _ = unsafe iconv(handle, nil, nil, &free, &count)
      unsafe output.append(
        contentsOf: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<(room.count - count)]))
    }
  }
}
