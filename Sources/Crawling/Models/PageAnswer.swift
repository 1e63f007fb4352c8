import Foundation
package import SystemCalls

/// Why a page could not be fetched.
package struct PageFailure: Error, Hashable, Sendable {
  package let words: String
  /// What had come by then.
  private(set) var status = 0
  private(set) var bytes = 0

  package init(_ words: String) { self.words = words }

  package init(_ error: SystemError) {
    words =
      switch error.number {
      case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH: "nothing answers at this address"
      case ETIMEDOUT: "the answer took too long"
      case ECONNRESET, EPIPE: "the connection was closed before the answer was whole"
      case EMFILE:
        "this process has as many descriptors as ulimit -n allows: raise it, or use fewer --workers"
      default: error.description
      }
  }

  /// The same, of an answer that had begun.
  func after(_ answer: PageAnswer) -> PageFailure {
    var failure = self
    failure.status = answer.status
    failure.bytes = answer.body.count
    return failure
  }

  static let cutOff = PageFailure("the connection was closed before the answer was whole")
  static let noHTTP = PageFailure("the answer is no HTTP")
  static let tooLate = PageFailure("the answer took too long")
  static let cancelled = PageFailure("the crawl was cancelled")
}

/// An HTTP answer as it comes in: a state machine without any I/O. It is whole when as much of the body is there as the
/// headers say, or, where they don't, when the server closes.
package struct PageAnswer {
  static let largest = 16 << 20
  static let largestHead = 64 << 10

  private var bytes: [UInt8] = []
  private var bodyStart: Int?
  private var contentLength: Int?
  private(set) var status = 0
  private(set) var location: String?
  private(set) var contentType: String?

  package init() {}

  /// Takes what came. True: the answer is whole.
  /// - Throws: when it is no HTTP, or too much.
  package mutating func take(_ chunk: Span<UInt8>) throws(PageFailure) -> Bool {
    let searched = max(0, bytes.count - 3)
    for index in chunk.indices { bytes.append(chunk[index]) }
    if bodyStart == nil {
      guard let end = endOfHead(from: searched) else {
        guard bytes.count <= Self.largestHead else { throw .noHTTP }
        return false
      }
      try readHead(bytes[..<end])
      bodyStart = end
    }
    guard body.count <= Self.largest else { throw PageFailure("the body is over \(Self.largest >> 20) MiB") }
    return contentLength.map { body.count >= $0 } ?? false
  }

  /// The server has closed: is the answer whole?
  package func end() throws(PageFailure) {
    guard bodyStart != nil else { throw bytes.isEmpty || isHTTPSoFar ? .cutOff : .noHTTP }
    if let contentLength, body.count < contentLength { throw .cutOff }
  }

  /// What of the body belongs to the answer.
  package var body: ArraySlice<UInt8> {
    guard let bodyStart else { return [] }
    let rest = bytes[bodyStart...]
    return contentLength.map { rest.prefix($0) } ?? rest
  }

  private var isHTTPSoFar: Bool { "HTTP/1.".utf8.starts(with: bytes.prefix(7)) }

  private func endOfHead(from start: Int) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for index in max(start, 3)..<bytes.count
    where bytes[index] == 10 && bytes[index - 1] == 13 && bytes[index - 2] == 10 && bytes[index - 3] == 13 {
      return index + 1
    }
    return nil
  }

  private mutating func readHead(_ head: ArraySlice<UInt8>) throws(PageFailure) {
    var lines = head.split(separator: 10, omittingEmptySubsequences: true)[...]
    guard let first = lines.popFirst() else { throw .noHTTP }
    let words = first.split(separator: 32, maxSplits: 2)
    guard words.count >= 2, words[0].starts(with: "HTTP/1.".utf8),
      let code = Int(String(decoding: words[1].prefix { $0 != 13 }, as: UTF8.self)),
      (100..<1000).contains(code)
    else { throw .noHTTP }
    status = code
    for line in lines {
      guard let colon = line.firstIndex(of: 58) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      guard name == "content-length" || name == "location" || name == "content-type" else { continue }
      let value = String(decoding: line[(colon + 1)...], as: UTF8.self).trimmingCharacters(
        in: .whitespacesAndNewlines)
      switch name {
      case "content-length":
        guard let length = Int(value), length >= 0 else { throw .noHTTP }
        contentLength = length
      case "location": location = value
      default: contentType = value
      }
    }
  }
}
