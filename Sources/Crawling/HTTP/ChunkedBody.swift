/// Where the chunks of a body lie in the bytes of a connection: the chunked transfer coding of RFC 9112, section 7.1. A
/// state machine without I/O, which keeps no bytes.
struct ChunkedBody {
  /// A line with a chunk's size may be as long, with its extensions.
  static let longestLine = 4 << 10
  /// All extensions and trailers together may have as many bytes.
  static let mostOverhead = 64 << 10

  /// What a piece of bytes contains next.
  enum Part: Hashable {
    /// Bytes of the body.
    case data(Range<Int>)
    /// Nothing more.
    case nothing
    /// The end of the body.
    case end
  }

  private enum State {
    /// In the digits of a size.
    case size
    /// In white space behind the digits.
    case afterSize
    case sizeExtension
    /// Behind the carriage return of such a line.
    case sizeLineFeed
    case data
    /// Behind a chunk's data.
    case dataEnd
    case dataLineFeed
    /// In the trailers, at the beginning of a line, or behind the carriage return there.
    case trailerStart
    case trailer
  }

  private var state = State.size
  private var digits = 0
  private var size = 0
  private var lineLength = 0
  private var overhead = 0

  /// Whether the last chunk was read: only trailers may follow.
  private(set) var isLastChunkRead = false

  /// - Parameter next: The index of the next byte; set to the one behind the part.
  mutating func take(_ piece: Span<UInt8>, _ next: inout Int) throws(PageFailure) -> Part {
    while next < piece.count {
      if state == .data {
        let end = next + min(size, piece.count - next)
        defer { next = end }
        size -= end - next
        if size == 0 { state = .dataEnd }
        return .data(next..<end)
      }
      let byte = piece[next]
      next += 1
      if try step(byte) { return .end }
    }
    return .nothing
  }

  /// Takes a byte that isn't data. Returns whether it is the last.
  private mutating func step(_ byte: UInt8) throws(PageFailure) -> Bool {
    switch state {
    case .size:
      if let digit = Self.hexadecimal(byte) {
        try count()
        let (shifted, isTooLarge) = size.multipliedReportingOverflow(by: 16)
        guard !isTooLarge else { throw .invalidChunkSize }
        size = shifted + digit
        digits += 1
      } else {
        guard digits > 0 else { throw .invalidChunkSize }
        try endSize(byte)
      }
    case .afterSize: try endSize(byte)
    case .sizeExtension:
      switch byte {
      case .carriageReturn: state = .sizeLineFeed
      case .lineFeed: endSizeLine()
      default: try countExtension()
      }
    case .sizeLineFeed:
      guard byte == .lineFeed else { throw .invalidChunkSize }
      endSizeLine()
    case .data: break
    case .dataEnd:
      switch byte {
      case .carriageReturn: state = .dataLineFeed
      case .lineFeed: state = .size
      default: throw .invalidChunkEnd
      }
    case .dataLineFeed:
      guard byte == .lineFeed else { throw .invalidChunkEnd }
      state = .size
    case .trailerStart:
      if byte == .lineFeed { return true }
      try countOverhead()
      if byte != .carriageReturn { state = .trailer }
    case .trailer:
      try countOverhead()
      if byte == .lineFeed { state = .trailerStart }
    }
    return false
  }

  /// Takes the first byte behind the digits, or behind white space there.
  private mutating func endSize(_ byte: UInt8) throws(PageFailure) {
    switch byte {
    case .carriageReturn: state = .sizeLineFeed
    case .lineFeed: endSizeLine()
    case .space, .tab:
      state = .afterSize
      try countExtension()
    case .semicolon: state = .sizeExtension
    default: throw .invalidChunkSize
    }
  }

  private mutating func endSizeLine() {
    isLastChunkRead = size == 0
    state = isLastChunkRead ? .trailerStart : .data
    digits = 0
    lineLength = 0
  }

  private mutating func count() throws(PageFailure) {
    lineLength += 1
    guard lineLength <= Self.longestLine else { throw .longChunkSize }
  }

  private mutating func countExtension() throws(PageFailure) {
    try count()
    try countOverhead()
  }

  private mutating func countOverhead() throws(PageFailure) {
    overhead += 1
    guard overhead <= Self.mostOverhead else { throw .longTrailers }
  }

  private static func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
