import FoundationEssentials
public import IPC

/// A `Codable` type that is sent as JSON. The conformance needs no code.
///
/// ```swift
/// struct Job: Codable, JSONMessage { var url: String; var depth: Int }
/// ```
///
/// Coding JSON takes microseconds, where the functions of a type that conforms to ``/IPC/Message`` by itself take tens of
/// nanoseconds.
public protocol JSONMessage: Message, Codable {}

extension JSONMessage {
  /// The type's name without its module.
  public static var messageName: String { unqualifiedName(of: Self.self) }
  /// ``/IPC/MessageCoding/json``.
  public static var messageCoding: MessageCoding { .json }

  /// Writes the value as JSON.
  /// - Throws: `invalidMessage`, when the value can't be encoded.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    do {
      writer.append(try JSONEncoder().encode(self))
    } catch {
      throw ChannelError(
        .invalidMessage, .encode, nil, "a value of \(Self.self) can't be encoded as JSON: \(error)")
    }
  }

  /// Reads the value from the rest of the message, which must be JSON.
  /// - Throws: `invalidMessage`.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    let data = Data(try reader.array(count: reader.remaining))
    do {
      self = try JSONDecoder().decode(Self.self, from: data)
    } catch {
      throw .invalid("expected JSON of \(Self.self): \(error)")
    }
  }
}
