/// The status line and the header fields of an HTTP response: RFC 9112, sections 2 to 6.
struct ResponseHead {
  /// How the end of the body is found.
  enum Framing: Hashable {
    case counted(Int)
    case chunked
    case untilClose
  }

  private(set) var status = 0
  private(set) var location: String?
  private(set) var contentType: String?
  /// Whether the page is elsewhere.
  var isRedirect: Bool { (300..<400).contains(status) && location != nil }
  private var minorVersion: UInt8 = 0
  private var closes = false
  private var length: Int?
  private var lengthFailure: PageFailure?
  private(set) var hasTransferCoding = false
  private var transferCodings: [String] = []
  private var contentCodings: [String] = []

  /// - Parameter bytes: With the empty line at the end, and without empty lines before.
  /// - Throws: Where it isn't HTTP, or has a zero byte.
  init(_ bytes: consuming [UInt8]) throws(PageFailure) {
    try Self.unfold(&bytes)
    guard let statusEnd = bytes.firstIndex(of: .lineFeed) else { throw .notHTTP }
    try readStatus(bytes[..<statusEnd])
    var start = statusEnd + 1
    while start < bytes.count, let end = bytes[start...].firstIndex(of: .lineFeed) {
      readField(bytes[start..<end])
      start = end + 1
    }
  }

  /// Makes one line of each folded field, and a space of each carriage return that ends no line.
  private static func unfold(_ bytes: inout [UInt8]) throws(PageFailure) {
    var isStatusLine = true
    for index in bytes.indices {
      let next = index + 1 < bytes.count ? bytes[index + 1] : .lineFeed
      switch bytes[index] {
      case 0: throw .zeroInHeaders
      case .carriageReturn where next != .lineFeed: bytes[index] = .space
      case .lineFeed:
        // Lines that begin with white space before the first field are ignored, and fold into the first of them.
        if !isStatusLine, next == .space || next == .tab {
          bytes[index] = .space
          if bytes[index - 1] == .carriageReturn { bytes[index - 1] = .space }
        }
        isStatusLine = false
      default: break
      }
    }
  }

  /// `HTTP/1.1 200 OK`: what stands behind the code is ignored.
  private mutating func readStatus(_ line: ArraySlice<UInt8>) throws(PageFailure) {
    let words = line.split(maxSplits: 2, whereSeparator: \.isFieldSpace)
    guard words.count >= 2, words[0].count == 8, words[0].starts(with: "HTTP/1.".utf8),
      let minor = words[0].last?.digit, words[1].count == 3
    else { throw .notHTTP }
    minorVersion = minor
    for byte in words[1] {
      guard let digit = byte.digit else { throw .notHTTP }
      status = status * 10 + Int(digit)
    }
    guard status >= 100 else { throw .notHTTP }
  }

  /// The text of an address. Bytes that are no UTF-8 are escaped, so that the server gets them back.
  private static func address(_ value: ArraySlice<UInt8>) -> String {
    if let text = String(validating: value, as: UTF8.self) { return text }
    let digits = Array("0123456789ABCDEF".utf8)
    return String(
      decoding: value.flatMap { byte in
        byte < 0x80 ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }, as: UTF8.self)
  }

  private mutating func readField(_ line: ArraySlice<UInt8>) {
    guard let first = line.first, !first.isFieldSpace, let colon = line.firstIndex(of: .colon) else { return }
    let name = line[..<colon].trimmed
    let value = line[(colon + 1)...].trimmed
    // The length tells these names apart.
    switch name.count {
    case 8 where name.equals("location"): location = location ?? Self.address(value)
    case 10 where name.equals("connection"):
      if Self.list(value).contains("close") { closes = true }
    case 12 where name.equals("content-type"): contentType = String(decoding: value, as: UTF8.self)
    case 14 where name.equals("content-length"): readLengths(value)
    case 16 where name.equals("content-encoding"): contentCodings += Self.list(value)
    case 17 where name.equals("transfer-encoding"):
      hasTransferCoding = true
      transferCodings += Self.list(value)
    default: break
    }
  }

  /// A length, or a list that has the same length several times.
  private mutating func readLengths(_ value: ArraySlice<UInt8>) {
    for part in value.split(separator: .comma, omittingEmptySubsequences: false) {
      guard let found = Self.number(part.trimmed) else {
        lengthFailure = lengthFailure ?? .invalidLength
        continue
      }
      if let length, length != found { lengthFailure = lengthFailure ?? .twoLengths }
      length = found
    }
  }

  /// Digits alone; nil also if the number is too large.
  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty else { return nil }
    var value = 0
    for byte in digits {
      guard let digit = byte.digit else { return nil }
      let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isStillTooLarge) = tens.addingReportingOverflow(Int(digit))
      guard !isTooLarge, !isStillTooLarge else { return nil }
      value = sum
    }
    return value
  }

  /// The elements of a list, in lower case.
  private static func list(_ value: ArraySlice<UInt8>) -> [String] {
    value.split(separator: .comma).map { String(decoding: $0.trimmed, as: UTF8.self).lowercased() }
      .filter { !$0.isEmpty }
  }

  // MARK: What it means

  /// Whether it is an interim response, after which another follows.
  var isInterim: Bool { status < 200 }

  /// Whether the response has no body, whatever its fields say.
  var hasNoBody: Bool { isInterim || status == 204 || status == 304 }

  /// Whether the connection can serve another request once the body has been read.
  var keepsConnection: Bool {
    guard minorVersion >= 1, !closes else { return false }
    // A server that says both is confused about where its response ends, and so is one that counts no body.
    if hasTransferCoding { return length == nil && lengthFailure == nil }
    return status != 204 || length ?? 0 == 0
  }

  /// How the body ends.
  /// - Throws: Where the fields contradict each other, or name what isn't known.
  func framing() throws(PageFailure) -> Framing {
    let transfer = transferCodings.filter { $0 != "identity" }
    guard !transfer.isEmpty else {
      if let lengthFailure { throw lengthFailure }
      return length.map { .counted($0) } ?? .untilClose
    }
    guard let chunked = transfer.firstIndex(of: "chunked") else { return .untilClose }
    guard chunked == transfer.count - 1 else { throw .chunkedNotLast }
    return .chunked
  }

  /// The codings of the body, the one that was applied last at the end.
  func codings() throws(PageFailure) -> [ContentDecoder.Coding] {
    var codings: [ContentDecoder.Coding] = []
    for (kind, names) in [("content", contentCodings), ("transfer", transferCodings)] {
      for name in names where name != "identity" && !(kind == "transfer" && name == "chunked") {
        guard let coding = ContentDecoder.Coding(name: name) else { throw .unknownCoding(name, kind) }
        codings.append(coding)
      }
    }
    guard codings.count <= ContentDecoder.mostCodings else { throw .tooManyCodings }
    return codings
  }
}

extension UInt8 {
  static let tab = UInt8(ascii: "\t")
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let comma = UInt8(ascii: ",")
  static let colon = UInt8(ascii: ":")
  static let semicolon = UInt8(ascii: ";")

  /// White space within a line, and what is left of the line's end.
  var isFieldSpace: Bool { self == .space || self == .tab || self == .carriageReturn }

  var digit: UInt8? {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) ? self - UInt8(ascii: "0") : nil
  }
}

extension ArraySlice<UInt8> {
  /// Without white space at both ends.
  fileprivate var trimmed: ArraySlice<UInt8> {
    var rest = self
    while let first = rest.first, first.isFieldSpace { rest.removeFirst() }
    while let last = rest.last, last.isFieldSpace { rest.removeLast() }
    return rest
  }

  /// Whether it is a name, given in lower case; the case doesn't matter.
  fileprivate func equals(_ name: String) -> Bool {
    let lowerCaseBit: UInt8 = 0x20
    return elementsEqual(name.utf8) { $0 | lowerCaseBit == $1 }
  }
}
