public import Distributed
public import IPC
import SystemCalls

/// Writes a call's arguments. The compiler's code for a `distributed func` uses it.
public struct ActorInvocationEncoder: DistributedTargetInvocationEncoder, Sendable {
  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  var writer = MessageWriter()
  /// How many type arguments the function has. Only the one of a `@Resolvable` protocol's stub is supported.
  var generics = 0

  init() {}

  /// Counts a type argument.
  public mutating func recordGenericSubstitution<T>(_ type: T.Type) throws { generics += 1 }

  /// Writes an argument.
  public mutating func recordArgument<Value: Message>(_ argument: RemoteCallArgument<Value>) throws {
    try writer.write(message: argument.value)
  }

  /// Does nothing: the caller knows the result's type.
  public mutating func recordReturnType<R: Message>(_ type: R.Type) throws {}
  /// Does nothing: a function may throw any error.
  public mutating func recordErrorType<E: Error>(_ type: E.Type) throws {}
  /// Does nothing.
  public mutating func doneRecording() throws {}
}

/// Reads a call's arguments in the actor's process. The Distributed module uses it.
public struct ActorInvocationDecoder: DistributedTargetInvocationDecoder, @unchecked Sendable {
  // Unchecked because metatypes aren't Sendable. They are only passed on.

  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  private let bytes: [UInt8]
  /// The offset of the next argument.
  private var next: Int
  private let generics: [any Any.Type]

  /// - Parameter start: the offset of the first argument.
  init(_ bytes: [UInt8], from start: Int, generics: [any Any.Type]) {
    self.bytes = bytes
    next = start
    self.generics = generics
  }

  /// The types that the hosting process has determined. A caller's data never names a type.
  public mutating func decodeGenericSubstitutions() throws -> [any Any.Type] { generics }

  /// Reads an argument.
  public mutating func decodeNextArgument<Argument: Message>() throws -> Argument {
    let bytes = self.bytes
    do throws(ChannelError) {
      var reader = MessageReader(bytes.span, at: next)
      let argument: Argument = try reader.message()
      next = reader.offset
      return argument
    } catch {
      throw ActorArgumentError(error: error, type: "\(Argument.self)")
    }
  }

  /// Nil: types aren't sent.
  public mutating func decodeErrorType() throws -> (any Any.Type)? { nil }
  /// Nil: types aren't sent.
  public mutating func decodeReturnType() throws -> (any Any.Type)? { nil }
}

/// An argument that can't be decoded. It is reported apart from errors that the function throws.
struct ActorArgumentError: Error {
  let error: ChannelError
  let type: String
}

/// Sends the outcome of a call to its caller. The Distributed module uses it.
public struct ActorResultHandler: DistributedTargetInvocationResultHandler {
  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  let call: IncomingCall

  /// Sends the value that the function has returned.
  public func onReturn<Success: Message>(value: Success) async throws { call.reply(returned: value) }
  /// Tells the caller that the function has returned.
  public func onReturnVoid() async throws { call.replyVoid() }
  /// Sends the error that the function has thrown.
  public func onThrow<Err: Error>(error: Err) async throws { call.reply(thrown: error) }
}
