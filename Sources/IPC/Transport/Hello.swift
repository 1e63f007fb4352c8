/// The wire formats' version, which two ends compare when they meet.
package enum WireFormat {
  /// Of this library.
  package static let version = 2
}

/// What a sender says first, so that the receiver can compare version and type: the body of a frame of its own
/// (``FrameHeader/isHello``).
///
/// Little-endian: bytes 0 and 1 hold the version, 2 to 5 the sender's number, then a ``MessageType`` as bytes.
struct Hello: Equatable {
  /// The version of the sender's formats.
  var version: Int
  /// The number in the headers of its frames.
  var number: UInt32
  /// What it sends; nil: it doesn't say.
  var type: MessageType?

  private static let headBytes = 6
  /// The longest that a hello can be.
  static let maximumBytes = headBytes + MessageType.headBytes + MessageType.longestName

  init(number: UInt32, type: MessageType?) {
    version = WireFormat.version
    self.number = number
    self.type = type
  }

  /// Reads a hello's bytes; nil if they aren't one. One of another version says its version alone.
  init?(_ bytes: Span<UInt8>) {
    var reader = MessageReader(bytes)
    guard let version = try? reader.integer(as: UInt16.self),
      let number = try? reader.integer(as: UInt32.self)
    else { return nil }
    self.version = Int(version)
    self.number = number
    guard self.version == WireFormat.version else { return }
    guard let described = MessageType.Described(reader.rest()) else { return nil }
    type = described.type
  }

  /// The sender's number in bytes that aren't a hello, as far as they have one.
  static func number(_ bytes: Span<UInt8>) -> UInt32? {
    var reader = MessageReader(bytes)
    guard (try? reader.integer(as: UInt16.self)) != nil else { return nil }
    return try? reader.integer(as: UInt32.self)
  }

  /// The whole frame.
  var frame: [UInt8] {
    var writer = MessageWriter()
    writer.write(UInt16(version))
    writer.write(number)
    writer.append(MessageType.bytes(type))
    var frame = MessageWriter()
    frame.write(FrameHeader(stream: FrameHeader.helloStream, count: writer.bytes.count, continues: true).bits)
    frame.append(writer.bytes)
    return frame.bytes
  }

  /// Compares with what this end receives.
  func check(_ mine: MessageType?, _ mechanism: Mechanism) throws(ChannelError) {
    guard version == WireFormat.version else { throw .versionMismatch(version, .receive, mechanism) }
    try MessageType.check(mine, type, .receive, mechanism)
  }
}

extension MessageType {
  /// Bytes of a type: 8 of fingerprint, one with the length of the name, and the name. Where a process doesn't say its
  /// type, the length is 255 and the fingerprint 0.
  static func bytes(_ type: MessageType?) -> [UInt8] {
    var writer = MessageWriter()
    writer.write(type?.fingerprint ?? 0)
    guard let type else {
      writer.write(noType)
      return writer.bytes
    }
    writer.write(UInt8(type.name.utf8.count))
    writer.append(type.name.utf8)
    return writer.bytes
  }

  /// The bytes before the name.
  static let headBytes = 9
  private static let noType: UInt8 = 255

  /// How many bytes of name follow a head; nil: it is none.
  static func nameBytes(_ head: Span<UInt8>) -> Int? {
    guard head.count >= headBytes else { return nil }
    let count = head[headBytes - 1]
    return count == noType ? 0 : Int(count) <= longestName ? Int(count) : nil
  }

  /// A type as another process describes it.
  struct Described {
    /// Nil: it doesn't say.
    let type: MessageType?

    init?(_ bytes: Span<UInt8>) {
      var reader = MessageReader(bytes)
      guard let nameBytes = MessageType.nameBytes(bytes), bytes.count == MessageType.headBytes + nameBytes,
        let fingerprint = try? reader.integer(as: UInt64.self),
        let count = try? reader.integer(as: UInt8.self),
        let name = try? reader.text(count: nameBytes)
      else { return nil }
      type = count == noType ? nil : MessageType(fingerprint: fingerprint, name: name)
    }
  }

  /// Compares the types of two ends that meet. One that doesn't say its type fits any.
  package static func check(
    _ mine: MessageType?, _ theirs: MessageType?, _ operation: ChannelError.Operation, _ mechanism: Mechanism?
  ) throws(ChannelError) {
    guard let mine, let theirs, mine != theirs else { return }
    throw ChannelError(
      .typeMismatch, operation, mechanism,
      mine.name == theirs.name
        ? "both ends of the channel call their messages \(mine.name), but they differ in size or coding: build both programs from the same declaration"
        : "this end of the channel has messages of the type \(mine.name), and the other end \(theirs.name): open both with the same type"
    )
  }
}

extension ChannelError {
  /// The other end has another version of the wire formats.
  static func versionMismatch(
    _ theirs: Int, _ operation: Operation, _ mechanism: Mechanism?
  ) -> ChannelError {
    ChannelError(
      .versionMismatch, operation, mechanism,
      "this process has version \(WireFormat.version) of the wire formats, and the other end version \(theirs): build both programs with the same version of swift-ipc"
    )
  }
}
