import Glibc
package import SystemCalls

/// Why a page could not be fetched.
package struct PageFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  /// What had been received by then.
  private(set) var status = 0
  private(set) var bytes = 0

  package init(_ description: String) { self.description = description }

  package init(_ error: SystemError) {
    description =
      switch error.number {
      case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH: "no server answers at this address"
      case ETIMEDOUT: "the response took too long"
      case ECONNRESET, EPIPE: "the connection was closed before the response was complete"
      case EMFILE:
        "no descriptor is left: raise ulimit -n, or use fewer --workers"
      default: error.description
      }
  }

  /// The same failure, of a response that had begun.
  func after(_ answer: PageResponse) -> PageFailure {
    var failure = self
    failure.status = answer.status
    failure.bytes = answer.body.count
    return failure
  }

  static let cutOff = PageFailure("the connection was closed before the response was complete")
  static let notHTTP = PageFailure("the response isn't HTTP")
  static let tooLate = PageFailure("the response took too long")
  static let cancelled = PageFailure("the crawl was cancelled")
}

/// An HTTP response as it arrives: a state machine without I/O. It is complete when the body has the length that the
/// headers give, or, if they give none, when the server closes.
package struct PageResponse {
  static let largest = 16 << 20
  static let largestHead = 64 << 10

  private var bytes: [UInt8] = []
  private var bodyStart: Int?
  private var contentLength: Int?
  private(set) var status = 0
  private(set) var location: String?
  private(set) var contentType: String?

  package init() {}

  /// Takes received bytes. Returns whether the response is complete.
  /// - Throws: if it isn't HTTP, or too large.
  package mutating func take(_ chunk: Span<UInt8>) throws(PageFailure) -> Bool {
    let searched = max(0, bytes.count - 3)
    for index in chunk.indices { bytes.append(chunk[index]) }
    if bodyStart == nil {
      guard let end = endOfHead(from: searched) else {
        guard bytes.count <= Self.largestHead else { throw .notHTTP }
        return false
      }
      try readHead(bytes[..<end])
      bodyStart = end
    }
    guard body.count <= Self.largest else { throw PageFailure("the body is over \(Self.largest >> 20) MiB") }
    return contentLength.map { body.count >= $0 } ?? false
  }

  /// The server has closed.
  /// - Throws: if the response isn't complete.
  package func end() throws(PageFailure) {
    guard bodyStart != nil else { throw bytes.isEmpty || isHTTPSoFar ? .cutOff : .notHTTP }
    if let contentLength, body.count < contentLength { throw .cutOff }
  }

  /// The bytes of the body that belong to the response.
  package var body: ArraySlice<UInt8> {
    guard let bodyStart else { return [] }
    let rest = bytes[bodyStart...]
    return contentLength.map { rest.prefix($0) } ?? rest
  }

  private var isHTTPSoFar: Bool { "HTTP/1.".utf8.starts(with: bytes.prefix(7)) }

  private func endOfHead(from start: Int) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for index in max(start, 3)..<bytes.count
    where bytes[(index - 3)...index].elementsEqual("\r\n\r\n".utf8) {
      return index + 1
    }
    return nil
  }

  private mutating func readHead(_ head: ArraySlice<UInt8>) throws(PageFailure) {
    var lines = head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)[...]
    guard let first = lines.popFirst() else { throw .notHTTP }
    let words = first.split(separator: UInt8(ascii: " "), maxSplits: 2)
    guard words.count >= 2, words[0].starts(with: "HTTP/1.".utf8),
      let code = Int(String(decoding: words[1].prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)),
      (100..<1000).contains(code)
    else { throw .notHTTP }
    status = code
    for line in lines {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      guard name == "content-length" || name == "location" || name == "content-type" else { continue }
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self).trimmed()
      switch name {
      case "content-length":
        guard let length = Int(value), length >= 0 else { throw .notHTTP }
        contentLength = length
      case "location": location = value
      default: contentType = value
      }
    }
  }
}
