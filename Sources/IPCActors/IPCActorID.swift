public import IPC

/// Identifies a distributed actor of an ``IPCActorSystem``: its system and its name.
///
/// It can be an argument or a result: an actor can send the `id` of a second actor to a third, which resolves it. A process
/// can call the actor if it has a connection to the system ``process`` itself.
public struct IPCActorID: Hashable, Sendable, Codable, Message, CustomStringConvertible {
  /// The number of the actor's system. Each system chooses its own at random.
  public let process: UInt64
  /// The actor's name, unique in its system.
  public let name: String

  /// The id of the actor with this name in the system with this number.
  public init(process: UInt64, name: String) {
    self.process = process
    self.name = name
  }

  /// The name and the system's number.
  public var description: String { "\(name)@\(String(process, radix: 16))" }

  /// Written by its own functions, although it is Codable.
  public static var messageCoding: MessageCoding { .custom }

  /// Writes both parts.
  public func encode(to writer: inout MessageWriter) {
    writer.write(process)
    writer.write(name)
  }

  /// Reads both parts.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    process = try reader.integer()
    name = try reader.string()
  }
}

/// An actor that a process hosts, as ``ActorPeer/hosted()`` lists it.
public struct HostedActor: Hashable, Sendable, Message {
  /// The actor's id.
  public let id: IPCActorID
  /// Its type's name, with the module: `Crawling.Fetcher`.
  public let type: String

  init(id: IPCActorID, type: String) {
    self.id = id
    self.type = type
  }

  /// Writes both parts.
  public func encode(to writer: inout MessageWriter) {
    id.encode(to: &writer)
    writer.write(type)
  }

  /// Reads both parts.
  public init(from reader: inout MessageReader) throws(ChannelError) {
    id = try IPCActorID(from: &reader)
    type = try reader.string()
  }
}
