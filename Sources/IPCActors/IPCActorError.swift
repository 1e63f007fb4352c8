public import Distributed

/// Why a call of an actor in another process has no result. An error that the actor throws arrives as itself where both
/// processes carry its type (``IPCActorSystem/carry(_:)``), and as ``Code/threw`` otherwise.
public struct IPCActorError: DistributedActorSystemError, Hashable, CustomStringConvertible {
  /// The kind of error. New codes may be added: switch with a `default`.
  public struct Code: Hashable, Sendable, RawRepresentable {
    /// The code as text: `peerGone`.
    public let rawValue: String
    /// A code from its text.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The actor's process has ended or closed the connection. Whether a call that was sent before was executed isn't
    /// known; one that is made afterwards isn't sent. The message says which of the two it was.
    public static let peerGone = Code(rawValue: "peerGone")
    /// There is no connection to the actor's process.
    public static let notConnected = Code(rawValue: "notConnected")
    /// The process hosts no actor of this name, or has stopped hosting it.
    public static let unknownActor = Code(rawValue: "unknownActor")
    /// The actor has another type, or no such function: the two programs were built from different versions.
    public static let otherSignature = Code(rawValue: "otherSignature")
    /// The actor threw an error that is sent as its description only.
    public static let threw = Code(rawValue: "threw")
    /// Another actor of this system has the name.
    public static let nameTaken = Code(rawValue: "nameTaken")
    /// A generic function, an argument or a result that is too long, or a type that can't be hosted.
    public static let notSupported = Code(rawValue: "notSupported")
    /// The result can't be decoded as a value of its type.
    public static let invalidResult = Code(rawValue: "invalidResult")
  }

  /// The kind of error.
  public let code: Code
  /// The actor that was called, if any.
  public let actor: IPCActorID?
  /// For ``Code/threw``: the type of the error that the actor threw.
  public let errorType: String?
  /// A sentence: what failed, why, and what to do.
  public let message: String

  init(_ code: Code, _ actor: IPCActorID?, _ message: String, errorType: String? = nil) {
    self.code = code
    self.actor = actor
    self.message = message
    self.errorType = errorType
  }

  /// The process is known to have ended, without details.
  package static let gone = IPCActorError(.peerGone, nil, "its process has ended")

  /// The end of a connection, for a call that was sent and not answered.
  var unanswered: IPCActorError { with("whether the call was executed isn't known") }

  /// The end of a connection, for a call that was made afterwards.
  var notSent: IPCActorError {
    with("the call wasn't sent: connect to a new process, and resolve the actor there")
  }

  private func with(_ more: String) -> IPCActorError {
    IPCActorError(code, actor, "\(message); \(more)", errorType: errorType)
  }

  /// The actor's name and the sentence.
  public var description: String { actor.map { "actor \($0.name): \(message)" } ?? message }
}
