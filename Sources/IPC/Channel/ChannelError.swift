package import SystemCalls

/// Why a channel refused, gave up or ended: a code, and one line that says what failed, why, and what to do.
public struct ChannelError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of error. New codes may come: switch with a `default`.
  public struct Code: Hashable, Sendable, RawRepresentable {
    /// The code as text: `closed`.
    public let rawValue: String
    /// A code from its text.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The last peer has closed or died: no message comes any more, or no process receives what is sent.
    public static let closed = Code(rawValue: "closed")
    /// The deadline passed. Nothing was sent, nothing was taken.
    public static let timedOut = Code(rawValue: "timedOut")
    /// The message is larger than the channel declares; ``ChannelError/limit`` says how large it may be.
    public static let messageTooLong = Code(rawValue: "messageTooLong")
    /// The address is malformed, or an option is unknown or out of its range.
    public static let invalidAddress = Code(rawValue: "invalidAddress")
    /// No mechanism has this name.
    public static let unknownMechanism = Code(rawValue: "unknownMechanism")
    /// The mechanism can't do this (a second sender, a name, passing an endpoint).
    public static let notSupported = Code(rawValue: "notSupported")
    /// The channel's kernel objects were removed under it, by ipcrm(1) for example.
    public static let removed = Code(rawValue: "removed")
    /// No process receives under this name.
    public static let noReceiver = Code(rawValue: "noReceiver")
    /// The name already has its one receiver (or sender), or the port is in use.
    public static let busy = Code(rawValue: "busy")
    /// The path is something else: a file instead of a FIFO.
    public static let wrongKind = Code(rawValue: "wrongKind")
    /// The name, directory or connection belongs to another user.
    public static let notAllowed = Code(rawValue: "notAllowed")
    /// The peer sent bytes that aren't a message.
    public static let protocolViolation = Code(rawValue: "protocolViolation")
    /// Under `?framing=line`: the sender died in the middle of a line, as far as the mechanism can tell.
    /// ``ChannelError/partialMessage`` has the bytes that came.
    public static let truncatedMessage = Code(rawValue: "truncatedMessage")
    /// The message arrived whole, but isn't a value of the type that the caller asked for.
    public static let invalidMessage = Code(rawValue: "invalidMessage")
    /// The other end of the channel has messages of another type.
    public static let typeMismatch = Code(rawValue: "typeMismatch")
    /// The other end is built with another version of the wire formats.
    public static let versionMismatch = Code(rawValue: "versionMismatch")
    /// A child process did what its parent does, instead of serving, and would have started processes without end.
    public static let notServed = Code(rawValue: "notServed")
    /// A system call failed; ``ChannelError/errno`` has its error.
    public static let system = Code(rawValue: "system")
  }

  /// What a process was doing.
  public enum Operation: String, Hashable, Sendable, CustomStringConvertible {
    /// Opening an endpoint, or making a channel.
    case open
    /// Sending a message.
    case send
    /// Receiving a message.
    case receive
    /// Writing the messages that a sender held back.
    case flush
    /// Passing an endpoint to a child process, or taking one.
    case pass
    /// Starting a process.
    case spawn
    /// Turning a value into a message's bytes.
    case encode
    /// Turning a message's bytes into a value.
    case decode
    /// Listing what exists.
    case list
    /// Waiting for a process, or for a channel.
    case wait

    /// The operation as a word: `send`.
    public var description: String { rawValue }
  }

  /// The kind of error.
  public let code: Code
  /// What failed.
  public let operation: Operation
  /// The mechanism; nil if none was involved.
  public let mechanism: Mechanism?
  /// The kernel's error number, if the kernel refused.
  public let errno: Int32?
  /// For ``Code/messageTooLong``: the largest message, in bytes.
  public let limit: Int?
  /// For ``Code/truncatedMessage``: the bytes that came of the message.
  public let partialMessage: [UInt8]?
  /// The sentence.
  public let message: String

  /// The mechanism and the sentence.
  public var description: String { mechanism.map { "\($0.name): \(message)" } ?? message }

  package init(
    _ code: Code, _ operation: Operation, _ mechanism: Mechanism? = nil, _ message: String,
    errno: Int32? = nil, limit: Int? = nil, partialMessage: [UInt8]? = nil
  ) {
    self.code = code
    self.operation = operation
    self.mechanism = mechanism
    self.message = message
    self.errno = errno
    self.limit = limit
    self.partialMessage = partialMessage
  }
}

extension ChannelError {
  package static func closed(_ operation: Operation, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .closed, operation, mechanism,
      operation == .receive
        ? "closed: the last sender has closed or died, and no message is left; next() returns nil then"
        : "closed: the last receiver has closed or died: open the channel again once there is another")
  }

  package static func timedOut(_ operation: Operation, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .timedOut, operation, mechanism,
      operation == .receive
        ? "timed out: no message came before the deadline; none was received"
        : "timed out: the channel stayed full until the deadline; nothing was sent: try again, or wait longer"
    )
  }

  static func tooLong(_ count: Int, limit: Int, _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .messageTooLong, .send, mechanism,
      "a message of \(count) bytes is over this channel's limit of \(limit): send less, or open it with a larger ?max= (maximumMessageBytes)",
      limit: limit)
  }

  package static func named(_ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .notSupported, .pass, mechanism,
      "an endpoint with a name can't be passed: open the address in the other process, or pass an endpoint of a channel without a name"
    )
  }

  /// A kernel object of another user's, named by `subject`.
  static func foreign(_ mechanism: Mechanism, _ subject: String) -> ChannelError {
    ChannelError(.notAllowed, .open, mechanism, "\(subject) is another user's: only its user can open it")
  }

  static func noReceiver(_ mechanism: Mechanism, _ place: String) -> ChannelError {
    ChannelError(
      .noReceiver, .open, mechanism,
      "no process receives on \(place): start the receiver first, or wait longer for it with Sender(to:within:)"
    )
  }

  /// A process listens and doesn't let this sender in.
  static func noAnswer(_ mechanism: Mechanism, _ place: String) -> ChannelError {
    ChannelError(
      .noReceiver, .open, mechanism,
      "the process that listens on \(place) doesn't answer: it may be stopped, or be no receiver of a channel; start the receiver, or wait longer for it with Sender(to:within:)"
    )
  }

  static func truncated(_ bytes: [UInt8], _ mechanism: Mechanism) -> ChannelError {
    ChannelError(
      .truncatedMessage, .receive, mechanism,
      "the sender ended in the middle of a line: the error's partialMessage has the \(bytes.count) bytes that came; end each line with a newline, also the last",
      partialMessage: bytes)
  }

  package static func violation(
    _ mechanism: Mechanism, _ what: String, _ operation: Operation = .receive
  ) -> ChannelError {
    ChannelError(
      .protocolViolation, operation, mechanism,
      operation == .receive
        ? "the peer sent bytes that aren't a message (\(what)): close this channel and check the program that writes to it"
        : "another process has changed what both ends share (\(what)): close this channel and check the programs that use it"
    )
  }

  /// An error of the kernel, as a channel reports it.
  package init(
    _ error: SystemError, _ operation: Operation, _ mechanism: Mechanism?, _ subject: String = ""
  ) {
    let about = subject.isEmpty ? "" : "\(subject): "
    if error.meansClosed, operation == .send || operation == .receive || operation == .flush, let mechanism {
      let ended = ChannelError.closed(operation, mechanism)
      self.init(.closed, operation, mechanism, ended.message, errno: error.number)
      return
    }
    let code: Code = error.meansForbidden ? .notAllowed : .system
    self.init(
      code, operation, mechanism,
      "\(about)\(error.call.rawValue): \(error.description)\(error.advice)", errno: error.number)
  }
}

/// Runs system calls and throws their error as a ``ChannelError``.
@inline(__always)
package func translating<Result: ~Copyable>(
  _ operation: ChannelError.Operation, _ mechanism: Mechanism?, _ subject: @autoclosure () -> String = "",
  _ body: () throws(SystemError) -> Result
) throws(ChannelError) -> Result {
  do {
    return try body()
  } catch {
    throw ChannelError(error, operation, mechanism, subject())
  }
}
