import Distributed
import IPC
import Synchronization

/// An actor of this process, as calls from others find it.
final class HostedActorRecord: Sendable {
  private struct Holding {
    weak var actor: (any DistributedActor)?
    /// One that was hosted by name is kept; others live as long as somebody has them.
    var kept: (any DistributedActor)?
  }

  let name: String
  let type: HostedType
  let mailbox: Mailbox
  private let holding = Mutex(Holding())

  init(_ name: String, _ type: HostedType, interleaves: Bool) {
    self.name = name
    self.type = type
    mailbox = Mailbox(interleaves: interleaves)
  }

  /// Nil: it isn't ready, or gone.
  var instance: (any DistributedActor)? { holding.withLock { $0.actor } }

  func isReady(_ actor: any DistributedActor) { holding.withLock { $0.actor = actor } }

  func keep(_ actor: any DistributedActor) { holding.withLock { $0.kept = actor } }

  func end() {
    mailbox.end()
    // Let go of outside of the lock: its end may well ask for it.
    let kept = holding.withLock { holding in
      holding.actor = nil
      return holding.kept.take()
    }
    _ = kept
  }
}

/// The types of errors that travel as what they are.
final class CarriedErrors: Sendable {
  private struct Codec {
    let name: String
    let encode: @Sendable (any Error, inout MessageWriter) throws(ChannelError) -> Void
    let decode: @Sendable (inout MessageReader, Span<UInt8>) throws(ChannelError) -> any Error
  }
  private struct Known {
    var byType: [ObjectIdentifier: Codec] = [:]
    var byName: [String: Codec] = [:]
  }
  private let known = Mutex(Known())

  func add<Failure: Error & Message>(_ type: Failure.Type) {
    let codec = Codec(name: String(reflecting: type)) { error, writer throws(ChannelError) in
      if let error = error as? Failure { try error.encode(to: &writer) }
    } decode: { reader, bytes throws(ChannelError) in
      try Failure(decoding: bytes.extracting(reader.offset...))
    }
    known.withLock { known in
      known.byType[ObjectIdentifier(type)] = codec
      known.byName[codec.name] = codec
    }
  }

  /// False: this one's type doesn't travel.
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
    _ reader: inout MessageReader, _ bytes: Span<UInt8>, _ id: IPCActorID?
  ) throws(ChannelError) -> any Error {
    let name = try reader.string(bytes)
    guard let codec = known.withLock({ $0.byName[name] }) else {
      return IPCActorError(
        .threw, id, "it threw \(name), which this side doesn't know: carry(_:) it here too", errorType: name)
    }
    return try codec.decode(&reader, bytes)
  }
}
