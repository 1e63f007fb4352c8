import CZLib

/// Bytes as zlib compresses them.
package enum Compressed {
  package static func gzip(_ bytes: [UInt8], level: Int32 = 9) -> [UInt8] {
    deflate(bytes, MAX_WBITS + 16, level)
  }
  package static func gzip(_ text: String) -> [UInt8] { gzip(Array(text.utf8)) }
  /// Deflate with zlib's header, as RFC 9110 says.
  package static func zlib(_ text: String) -> [UInt8] { deflate(Array(text.utf8), MAX_WBITS, 9) }
  /// Deflate without it, as some servers send.
  package static func raw(_ text: String) -> [UInt8] { deflate(Array(text.utf8), -MAX_WBITS, 9) }

  private static func deflate(_ bytes: [UInt8], _ windowBits: Int32, _ level: Int32) -> [UInt8] {
    var stream = unsafe z_stream()
    let memoryLevel: Int32 = 8
    unsafe deflateInit2_(
      &stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    defer { unsafe deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(unsafe deflateBound(&stream, UInt(bytes.count))) + 64)
    let count = unsafe input.withUnsafeMutableBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        unsafe stream.next_in = input.baseAddress
        unsafe stream.avail_in = UInt32(input.count)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = UInt32(output.count)
        let result = unsafe CZLib.deflate(&stream, Z_FINISH)
        precondition(result == Z_STREAM_END)
        return unsafe output.count - Int(stream.avail_out)
      }
    }
    return Array(output[..<count])
  }
}
