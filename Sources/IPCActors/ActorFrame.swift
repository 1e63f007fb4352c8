/// What one message between two actor systems contains. `Actors.md` specifies each frame to the byte.
enum ActorFrame {
  /// The first byte of a frame.
  enum Kind: UInt8 {
    /// The handshake, the first frame of each direction: protocol version and the sender's system number.
    case hello = 0
    /// Calls a function of an actor.
    case call = 1
    /// The outcome of a call.
    case reply = 2
    /// Asks which actors the peer hosts; answered by a reply.
    case list = 3
  }

  /// How a call ended.
  enum Outcome: UInt8 {
    /// It returned: the result follows, or nothing for a function without one.
    case returned = 0
    /// It threw an error of a type that both sides carry: the type's name and the error's bytes follow.
    case threwValue = 1
    /// It threw another error: the type's name and the error's description follow.
    case threwDescription = 2
    /// It wasn't executed: a code and a sentence follow.
    case refused = 3
  }

  /// A number for a call in a trace, the same in both processes, and unlike those of calls in the other direction or of another
  /// system. The lower half is the call's own.
  static func traceNumber(_ id: UInt64, of caller: UInt64) -> Int64 {
    Int64(bitPattern: (caller & 0x7FFF_FFFF) << 32 | id & 0xFFFF_FFFF)
  }

  /// The version of this protocol.
  static let version: UInt16 = 1
  /// The most unanswered calls in one direction of a connection. Further calls wait on the calling side.
  static let maximumCalls = 1024
  /// The most names that one side numbers. Further names are written out in every call.
  static let maximumNames = 4096
  /// The length of a name in bytes above which it is written out in every call.
  static let maximumNameBytes = 1024
  /// The number in front of a name that gets no number.
  static let unnumberedName = UInt16.max
  /// The smallest `maximumMessageBytes` of a connection that carries calls.
  static let minimumMessageBytes = 1024
  /// The most calls that a call is nested in.
  static let maximumDepth = 64
  /// An upper bound on the bytes of a frame, apart from its arguments or result, its two names, and eight bytes for
  /// each call that it is nested in.
  static let overhead = 64
}
