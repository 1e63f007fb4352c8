import IPC
import Synchronization
import SystemCalls

/// The types of errors that are sent as values. ``IPCActorSystem/carry(_:)`` adds them.
final class CarriedErrors: Sendable {
  private struct Codec {
    let name: String
    let encode: @Sendable (any Error, inout MessageWriter) throws(ChannelError) -> Void
    let decode: @Sendable (inout MessageReader) throws(ChannelError) -> any Error
  }
  private struct Known {
    var byType: [ObjectIdentifier: Codec] = [:]
    var byName: [String: Codec] = [:]
  }
  private let known = Locked(Known())

  func add<Failure: Error & Message>(_ type: Failure.Type) {
    let codec = Codec(name: String(reflecting: type)) { error, writer throws(ChannelError) in
      if let error = error as? Failure { try error.encode(to: &writer) }
    } decode: { reader throws(ChannelError) in
      try Failure(decoding: reader.rest())
    }
    known.withLock { known in
      known.byType[ObjectIdentifier(type)] = codec
      known.byName[codec.name] = codec
    }
  }

  /// Writes the error as a value. False: its type wasn't added, or it can't be encoded.
  func encode(_ error: any Error, to writer: inout MessageWriter) -> Bool {
    guard let codec = known.withLock({ $0.byType[ObjectIdentifier(type(of: error))] }) else { return false }
    writer.write(codec.name)
    do throws(ChannelError) {
      try codec.encode(error, &writer)
      return true
    } catch {
      return false
    }
  }

  func decode(
    _ reader: inout MessageReader, _ id: IPCActorID?
  ) throws(ChannelError) -> any Error {
    let name = try reader.string()
    guard let codec = known.withLock({ $0.byName[name] }) else {
      return IPCActorError(
        .threw, id,
        "it threw \(name), a type that this process can't decode: call carry(_:) with it here too",
        errorType: name)
    }
    return try codec.decode(&reader)
  }
}
