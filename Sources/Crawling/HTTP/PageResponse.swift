/// An HTTP response as it arrives: a state machine without I/O (RFC 9112). It takes bytes until it is over: whole, or
/// failed, with what was read until then.
package struct PageResponse {
  /// The most bytes of a body, as they arrive and decoded.
  static let largest = 16 << 20
  /// The most bytes of the headers, with those of interim responses.
  static let largestHead = 64 << 10
  static let mostInterim = 100
  /// Room that a claimed length gets before its bytes arrive.
  private static let mostReserved = 64 << 10

  private enum Stage {
    case head
    /// In a body of known length.
    case counted
    case chunked
    case untilClose
    case over
  }

  private var stage = Stage.head
  private var head: [UInt8] = []
  private var headCount = 0
  private var interimCount = 0
  private var remaining = 0
  private var chunks = ChunkedBody()
  private var decoder: ContentDecoder?
  private var bodyCount = 0
  private var mayKeep = false

  /// 0 until the headers were read.
  package private(set) var status = 0
  package private(set) var location: String?
  package private(set) var contentType: String?
  /// What was read of the body, decoded.
  package private(set) var content: [UInt8] = []
  /// Why the response isn't whole; nil if it is, or isn't over.
  package private(set) var failure: PageFailure?
  /// Whether the content is only the beginning of the body.
  package private(set) var isCut = false
  /// Whether any byte has arrived.
  private(set) var hasBegun = false
  /// Whether the connection can serve another request.
  package private(set) var keepsConnection = false

  package init() {}

  package var isOver: Bool { stage == .over }

  /// Takes received bytes. Returns whether the response is over.
  package mutating func take(_ piece: Span<UInt8>) -> Bool {
    if !piece.isEmpty { hasBegun = true }
    var next = 0
    do throws(PageFailure) {
      while next < piece.count, !isOver { try takePart(piece, &next) }
    } catch {
      fail(error)
    }
    // Bytes for which nothing asked: what follows them isn't the next response.
    if next < piece.count { keepsConnection = false }
    return isOver
  }

  /// Whether the last chunk was read, behind which a connection may end in any way.
  package var hasLastChunk: Bool { stage == .chunked && chunks.isLastChunkRead }

  /// The server has closed: the response is over.
  package mutating func end() {
    keepsConnection = false
    switch stage {
    case .over: break
    case .chunked where hasLastChunk, .untilClose:
      do throws(PageFailure) {
        try finish()
        keepsConnection = false
      } catch {
        fail(error)
      }
    case .head, .counted, .chunked: fail(.cutOff)
    }
  }

  /// Ends the response before it is whole. What was read stays.
  package mutating func fail(_ failure: PageFailure) {
    if isOver { return }
    self.failure = failure
    isCut = stage != .head
    keepsConnection = false
    stage = .over
    decoder = nil
  }

  private mutating func takePart(_ piece: Span<UInt8>, _ next: inout Int) throws(PageFailure) {
    switch stage {
    case .head: try takeHead(piece, &next)
    case .counted:
      let count = min(remaining, piece.count - next)
      try add(piece.extracting(next..<next + count))
      next += count
      remaining -= count
      if remaining == 0 { try finish() }
    case .chunked:
      switch try chunks.take(piece, &next) {
      case .data(let range): try add(piece.extracting(range))
      case .nothing: break
      case .end: try finish()
      }
    case .untilClose:
      try add(piece.extracting(next...))
      next = piece.count
    case .over: break
    }
  }

  // MARK: The headers

  private mutating func takeHead(_ piece: Span<UInt8>, _ next: inout Int) throws(PageFailure) {
    while next < piece.count {
      let byte = piece[next]
      next += 1
      headCount += 1
      guard headCount <= Self.largestHead else { throw .headersTooLarge }
      // Empty lines before the status line are left from an earlier response.
      if head.isEmpty, byte == .lineFeed || byte == .carriageReturn { continue }
      head.append(byte)
      if head.count <= Self.beginning.utf8.count { try checkBeginning() }
      if byte == .lineFeed, endsWithEmptyLine { return try readHead() }
    }
  }

  private static let beginning = "HTTP/1."

  private func checkBeginning() throws(PageFailure) {
    guard Self.beginning.utf8.starts(with: head) else { throw .notHTTP }
  }

  private var endsWithEmptyLine: Bool {
    let before = head.count - 2
    return before >= 0 && head[before] == .lineFeed
      || before >= 1 && head[before] == .carriageReturn && head[before - 1] == .lineFeed
  }

  private mutating func readHead() throws(PageFailure) {
    let found = try ResponseHead(head)
    head = []
    if found.isInterim {
      guard found.status != 101 else { throw .otherProtocol }
      interimCount += 1
      guard interimCount <= Self.mostInterim else { throw .tooManyInterim }
      return
    }
    status = found.status
    location = found.location
    contentType = found.contentType
    mayKeep = found.keepsConnection
    if found.hasNoBody {
      // A server that chunks what isn't there may send the end of it.
      if found.hasTransferCoding { mayKeep = false }
      return try finish()
    }
    let framing = try found.framing()
    // Of a redirect only its target counts, whatever its body is in.
    let codings = found.isRedirect ? [] : try found.codings()
    if !codings.isEmpty { decoder = ContentDecoder(codings) }
    switch framing {
    case .counted(let length):
      stage = .counted
      remaining = length
      if length == 0 { return try finish() }
      if decoder == nil { content.reserveCapacity(min(length, Self.mostReserved)) }
    case .chunked: stage = .chunked
    case .untilClose: stage = .untilClose
    }
  }

  // MARK: The body

  private mutating func add(_ piece: Span<UInt8>) throws(PageFailure) {
    let taken = min(piece.count, Self.largest - bodyCount)
    bodyCount += taken
    let part = piece.extracting(..<taken)
    if let decoder {
      try decoder.take(part, into: &content, most: Self.largest)
    } else {
      unsafe part.withUnsafeBytes { unsafe content.append(contentsOf: $0) }
    }
    if taken < piece.count { throw .bodyTooLarge }
  }

  private mutating func finish() throws(PageFailure) {
    try decoder?.end()
    decoder = nil
    keepsConnection = mayKeep
    stage = .over
  }
}
