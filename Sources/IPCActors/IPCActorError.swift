public import Distributed

/// Why a call of an actor in another process has no result. Errors that the actor threw itself arrive as what they are
/// where both processes know them (``IPCActorSystem/carry(_:)``), and as ``Code/threw`` otherwise.
public struct IPCActorError: DistributedActorSystemError, Hashable, CustomStringConvertible {
  /// What kind of error it is. New codes may come: switch with a `default`.
  public struct Code: Hashable, Sendable, RawRepresentable {
    /// The code as text: `peerGone`.
    public let rawValue: String
    /// A code from its text.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The actor's process has ended or closed the connection. Whether the call was carried out isn't known.
    public static let peerGone = Code(rawValue: "peerGone")
    /// No connection leads to the actor's process.
    public static let notConnected = Code(rawValue: "notConnected")
    /// The process hosts no actor of this name, or no more.
    public static let unknownActor = Code(rawValue: "unknownActor")
    /// The actor has another type, or none such function: the two programs aren't of the same version.
    public static let otherSignature = Code(rawValue: "otherSignature")
    /// The actor threw an error that travels only as its words.
    public static let threw = Code(rawValue: "threw")
    /// The name is taken by another actor of this system.
    public static let nameTaken = Code(rawValue: "nameTaken")
    /// What can't be carried: a generic function, an argument or a result that is too long.
    public static let notSupported = Code(rawValue: "notSupported")
    /// The result's bytes are no value of its type.
    public static let invalidResult = Code(rawValue: "invalidResult")
  }

  /// What kind of error it is.
  public let code: Code
  /// The actor, where one was involved.
  public let actor: IPCActorID?
  /// For ``Code/threw``: the type of the error that the actor threw.
  public let errorType: String?
  /// One sentence, that says what to do.
  public let message: String

  init(_ code: Code, _ actor: IPCActorID?, _ message: String, errorType: String? = nil) {
    self.code = code
    self.actor = actor
    self.message = message
    self.errorType = errorType
  }

  /// For who knows by himself that a process is gone.
  package static let gone = IPCActorError(.peerGone, nil, "its process is gone")

  /// The actor's name and the sentence.
  public var description: String { actor.map { "actor \($0.name): \(message)" } ?? message }
}
