extension Message where Self: Codable {
  /// ``MessageCoding/binary``.
  public static var messageCoding: MessageCoding { .binary }

  /// Writes the value in the binary coding of `Codable` types, which `Framing.md` describes.
  /// - Throws: `invalidMessage` for an error that the type's own `encode(to:)` throws, and for more than 512 containers in one
  ///   another, with the path to the value.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    let encoding = BinaryEncoding(writer.storage)
    writer.storage = []
    do {
      try encoding.encode(self)
    } catch {
      throw ChannelError(
        .invalidMessage, .encode, nil, "a \(Self.messageName) can't be encoded: \(CodingSentence.of(error))")
    }
    writer.storage = encoding.storage
  }

  /// Reads the value in the binary coding of `Codable` types.
  /// - Throws: `invalidMessage`, with the path to what is missing or of another type.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    let decoding = try BinaryDecoding(&reader)
    do {
      self = try decoding.value(Self.self, decoding.root, depth: 0, .init(path: -1))
    } catch {
      if let error = error as? ChannelError { throw error }
      throw .invalid("\(Self.messageName): \(CodingSentence.of(error))")
    }
  }
}

// For a type that is Codable as well: neither extension above is more special than the other.
extension FixedLayoutMessage where Self: Codable {
  /// ``MessageCoding/fixed``.
  public static var messageCoding: MessageCoding { .fixed }

  /// The value's memory.
  /// - Throws: `notSupported` for a type whose layout isn't fixed.
  @inlinable public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    try writer.append(memoryOf: self)
  }

  /// The value's memory.
  /// - Throws: `notSupported` for a type whose layout isn't fixed; `invalidMessage`.
  @inlinable public init(from reader: inout MessageReader) throws(ChannelError) {
    self = try reader.memory(of: Self.self)
  }
}

/// The errors of `Codable` as sentences.
enum CodingSentence {
  static func of(_ error: any Error) -> String {
    switch error {
    case let error as EncodingError:
      switch error {
      case .invalidValue(_, let context): return sentence(context.debugDescription, context.codingPath)
      @unknown default: return "\(error)"
      }
    case let error as DecodingError:
      switch error {
      case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
        .dataCorrupted(let context):
        return sentence(context.debugDescription, context.codingPath)
      @unknown default: return "\(error)"
      }
    case let error as ChannelError: return error.message
    default: return "\(error)"
    }
  }

  /// `expected Int, found a text, at jobs[3].url`.
  private static func sentence(_ text: String, _ path: [any CodingKey]) -> String {
    var place = ""
    for key in path {
      if let index = key.intValue {
        place += "[\(index)]"
      } else {
        place += place.isEmpty ? key.stringValue : ".\(key.stringValue)"
      }
    }
    let sentence = text.isEmpty ? "its value is invalid" : text
    return place.isEmpty ? sentence : "\(sentence), at \(place)"
  }
}
