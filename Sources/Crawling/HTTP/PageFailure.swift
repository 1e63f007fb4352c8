import ConcurrencyModels
import Glibc
package import SystemCalls

/// Why a page could not be fetched, or not all of it.
package struct PageFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }

  package init(_ error: SystemError) {
    description =
      switch error.number {
      case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH: "no server answers at this address"
      case ETIMEDOUT: Self.tooLate.description
      case ECONNRESET, EPIPE: Self.cutOff.description
      case EMFILE: "no descriptor is left: raise ulimit -n, or use fewer --workers"
      default: error.description
      }
  }

  /// The failure of a page whose wait for its connection ended with an error.
  init(waiting error: any Error) {
    switch error {
    case let failure as PageFailure: self = failure
    case let error as SystemError: self.init(error)
    case let error as EventLoopError: self.init(error.systemError)
    case is TimeoutError: self = .tooLate
    case is CancellationError: self = .cancelled
    default: self.init("\(error)")
    }
  }

  package static let cutOff = PageFailure("the connection was closed before the response was complete")
  package static let tooLate = PageFailure("the response took too long")
  static let redirectsNowhere = PageFailure("it redirects to something that isn't an http or https address")
  static let needsTLS = PageFailure("https needs workers that have TLS: begin with an https address")
  static let cancelled = PageFailure("the crawl was cancelled")
  package static let notHTTP = PageFailure("the response isn't HTTP")
  package static let headersTooLarge = PageFailure(
    "the response has headers over \(PageResponse.largestHead >> 10) KiB")
  package static let zeroInHeaders = PageFailure("the response has a zero byte in its headers")
  static let tooManyInterim = PageFailure(
    "over \(PageResponse.mostInterim) interim responses came before the response")
  static let otherProtocol = PageFailure("the server changes to another protocol, for which it wasn't asked")
  package static let invalidLength = PageFailure("the response has an invalid Content-Length")
  static let twoLengths = PageFailure("the response has two different Content-Lengths")
  static let chunkedNotLast = PageFailure("the response is chunked, but not as its last transfer coding")
  static let tooManyCodings = PageFailure("the response has over \(ContentDecoder.mostCodings) codings")
  static let bodyTooLarge = PageFailure("the body is over \(PageResponse.largest >> 20) MiB")
  static let invalidChunkSize = PageFailure("the response has an invalid chunk size")
  static let longChunkSize = PageFailure(
    "the response has a line with a chunk size over \(ChunkedBody.longestLine >> 10) KiB")
  static let invalidChunkEnd = PageFailure("a chunk of the response doesn't end where its size says")
  static let longTrailers = PageFailure(
    "the response has chunk extensions and trailers over \(ChunkedBody.mostOverhead >> 10) KiB")
  static let damaged = PageFailure("the compressed body is damaged")
  static let compressedCutOff = PageFailure("the compressed body ends too early")

  /// - Parameter kind: What the coding is of: transfer or content.
  static func unknownCoding(_ name: String, _ kind: String) -> PageFailure {
    // The name comes from the server: no control characters, and not at any length.
    let shown = name.unicodeScalars.prefix(40).map { (" "..."~").contains($0) ? Character($0) : "?" }
    return PageFailure("the response has the unknown \(kind) coding \"\(String(shown))\"")
  }
}
