public import IPC

/// Which actor, of which process: what a distributed actor of an ``IPCActorSystem`` is known by.
///
/// It travels: an actor tells another of a third by its `id`, and who gets it resolves it. Any connected process can call
/// it that is connected to ``process`` itself.
public struct IPCActorID: Hashable, Sendable, Codable, Message, CustomStringConvertible {
  /// The number of the actor's system: each system draws its own at random.
  public let process: UInt64
  /// The actor's name, which no other of its system has.
  public let name: String

  /// The actor of this name in that system.
  public init(process: UInt64, name: String) {
    self.process = process
    self.name = name
  }

  /// The name, and the system's number.
  public var description: String { "\(name)@\(String(process, radix: 16))" }

  /// Writes both.
  public func encode(to writer: inout MessageWriter) {
    writer.write(process)
    writer.write(name)
  }

  /// Reads both.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    process = try reader.integer(bytes)
    name = try reader.string(bytes)
  }
}

/// An actor that a process hosts, as ``ActorPeer/hosted()`` lists it.
public struct HostedActor: Hashable, Sendable, Message {
  /// What it is known by.
  public let id: IPCActorID
  /// Its type, with the module: `Crawling.Fetcher`.
  public let type: String

  init(id: IPCActorID, type: String) {
    self.id = id
    self.type = type
  }

  /// Writes both.
  public func encode(to writer: inout MessageWriter) {
    id.encode(to: &writer)
    writer.write(type)
  }

  /// Reads both.
  public init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    id = try IPCActorID(from: &reader, bytes)
    type = try reader.string(bytes)
  }
}
