import Glibc

/// Decodes the body of a response: its content codings and transfer codings, one after the other. RFC 9110, section 8.4
final class ContentDecoder {
  enum Coding: Hashable, Sendable {
    case gzip
    case deflate

    /// - Parameter name: in lower case.
    init?(name: String) {
      switch name {
      case "gzip", "x-gzip": self = .gzip
      case "deflate": self = .deflate
      default: return nil
      }
    }
  }

  /// A server has a reason for one; two are seen where a proxy adds its own.
  static let mostCodings = 4

  private struct Stage {
    let inflater: Inflater
    /// How many bytes came out of it.
    var count = 0
  }

  /// In the order in which they decode.
  private var stages: [Stage]

  /// - Parameter codings: The one that was applied last at the end.
  init(_ codings: [Coding]) {
    stages = codings.reversed().map { Stage(inflater: Inflater($0)) }
  }

  /// Decodes a piece. No stage decodes more than `most` bytes: what is more fails, and what came before stays.
  func take(_ piece: Span<UInt8>, into content: inout [UInt8], most: Int) throws(PageFailure) {
    try unsafe piece.withUnsafeBytes { bytes throws(PageFailure) in
      unsafe try feed(0, bytes, &content, most)
    }
  }

  private func feed(
    _ index: Int, _ bytes: UnsafeRawBufferPointer, _ content: inout [UInt8], _ most: Int
  ) throws(PageFailure) {
    guard index < stages.count else { return unsafe content.append(contentsOf: bytes) }
    unsafe try stages[index].inflater.take(bytes) { output throws(PageFailure) in
      let taken = min(output.count, most - stages[index].count)
      stages[index].count += taken
      unsafe try feed(index + 1, UnsafeRawBufferPointer(rebasing: output[..<taken]), &content, most)
      if taken < output.count { throw .bodyTooLarge }
    }
  }

  /// The body has ended.
  /// - Throws: if it ends in the middle of a stream.
  func end() throws(PageFailure) {
    guard stages.allSatisfy(\.inflater.isWhole) else { throw .compressedCutOff }
  }
}
