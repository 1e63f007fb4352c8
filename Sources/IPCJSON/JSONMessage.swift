import FoundationEssentials
public import IPC

/// A `Codable` type that travels as JSON: declare the conformance, write nothing.
///
/// ```swift
/// struct Job: Codable, JSONMessage { var url: String; var depth: Int }
/// ```
///
/// JSON costs microseconds where ``/IPC/Message``'s own two functions cost tens of nanoseconds.
public protocol JSONMessage: Message, Codable {}

extension JSONMessage {
  /// The value as JSON.
  public func encode(to writer: inout MessageWriter) throws(ChannelError) {
    do {
      writer.append(try JSONEncoder().encode(self))
    } catch {
      throw ChannelError(.invalidMessage, .encode, nil, "\(Self.self) can't be written as JSON: \(error)")
    }
  }

  /// The value from JSON.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    let data = Data(try reader.array(bytes, count: reader.remaining(bytes)))
    do {
      self = try JSONDecoder().decode(Self.self, from: data)
    } catch {
      throw .invalid("no JSON of \(Self.self): \(error)")
    }
  }
}
