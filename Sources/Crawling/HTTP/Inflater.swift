import CZLib
import Glibc

/// zlib's inflate: a stream of gzip or deflate, decoded as it arrives.
@safe final class Inflater {
  private enum State {
    /// No byte has arrived.
    case empty
    /// Of a deflate stream, whose second byte says what it is, one byte has arrived.
    case first(UInt8)
    case inside
    /// Between members of a gzip stream.
    case betweenMembers
    /// What follows doesn't belong to the stream.
    case ended
  }

  /// zlib's largest window, and what is added to its number of bits for a gzip stream.
  private static let windowBits = MAX_WBITS
  private static let gzipBits: Int32 = 16
  private static let firstGzipByte: UInt8 = 0x1F
  private static let room = 32 << 10

  private let coding: ContentDecoder.Coding
  private let stream: UnsafeMutablePointer<z_stream>
  private var state = State.empty
  private var isOpen = false

  init(_ coding: ContentDecoder.Coding) {
    self.coding = coding
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
  }

  deinit {
    if isOpen { unsafe inflateEnd(stream) }
    unsafe stream.deallocate()
  }

  /// Decodes a piece, and passes on what comes out.
  func take(
    _ piece: UnsafeRawBufferPointer,
    _ output: (UnsafeRawBufferPointer) throws(PageFailure) -> Void
  ) throws(PageFailure) {
    var rest = unsafe piece[...]
    while let byte = unsafe rest.first {
      switch state {
      case .empty where coding == .deflate:
        state = .first(byte)
        unsafe rest.removeFirst()
      case .empty:
        try open(Self.windowBits + Self.gzipBits)
      case .first(let first):
        try open(Self.isZlibHeader(first, byte) ? Self.windowBits : -Self.windowBits)
        var first = first
        try unsafe withUnsafeBytes(of: &first) { bytes throws(PageFailure) in
          _ = unsafe try inflate(bytes, output)
        }
      case .betweenMembers:
        // Padding, or what a server sends by mistake: browsers ignore it, too.
        if byte == Self.firstGzipByte {
          unsafe inflateReset(stream)
          state = .inside
        } else {
          state = .ended
        }
      case .inside:
        let taken = unsafe try inflate(UnsafeRawBufferPointer(rebasing: rest), output)
        unsafe rest.removeFirst(taken)
      case .ended: return
      }
    }
  }

  /// Whether the stream may end here. An empty body is complete.
  var isWhole: Bool {
    switch state {
    case .empty, .betweenMembers, .ended: true
    case .first, .inside: false
    }
  }

  private func open(_ windowBits: Int32) throws(PageFailure) {
    let result = unsafe inflateInit2_(
      stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard result == Z_OK else { throw PageFailure("zlib has no memory for the compressed body") }
    isOpen = true
    state = .inside
  }

  /// Whether a stream begins with zlib's header (RFC 1950): servers also send deflate without it, against RFC 9110.
  private static func isZlibHeader(_ first: UInt8, _ second: UInt8) -> Bool {
    let deflate: UInt8 = 8
    let largestWindow: UInt8 = 7
    return first & 0x0F == deflate && first >> 4 <= largestWindow
      && (UInt16(first) << 8 | UInt16(second)) % 31 == 0
  }

  /// Decodes until the piece is used up, or the stream or a member of it ends. Returns how many bytes it used.
  private func inflate(
    _ piece: UnsafeRawBufferPointer,
    _ output: (UnsafeRawBufferPointer) throws(PageFailure) -> Void
  ) throws(PageFailure) -> Int {
    // zlib reads through this pointer, and doesn't write.
    let start = unsafe piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.next_in = unsafe UnsafeMutablePointer(mutating: start)
    unsafe stream.pointee.avail_in = UInt32(clamping: piece.count)
    try unsafe withUnsafeTemporaryAllocation(byteCount: Self.room, alignment: 16) {
      room throws(PageFailure) in
      while true {
        unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(room.count)
        let result = unsafe CZLib.inflate(stream, Z_NO_FLUSH)
        let count = unsafe room.count - Int(stream.pointee.avail_out)
        if count > 0 { unsafe try output(UnsafeRawBufferPointer(rebasing: room[..<count])) }
        switch result {
        case Z_OK: if unsafe stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0 { return }
        // Nothing is left to read or to write.
        case Z_BUF_ERROR: return
        case Z_STREAM_END:
          state = coding == .gzip ? .betweenMembers : .ended
          return
        default: throw .damaged
        }
      }
    }
    return unsafe piece.count - Int(stream.pointee.avail_in)
  }
}
