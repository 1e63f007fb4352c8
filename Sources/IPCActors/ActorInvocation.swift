public import Distributed
public import IPC
import SystemCalls

/// Writes a call's arguments. The compiler's code for a `distributed func` uses it.
public struct ActorInvocationEncoder: DistributedTargetInvocationEncoder, Sendable {
  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  var writer = MessageWriter()
  /// Types that stand in for a generic function's: only the one of a `@Resolvable` protocol's stub is carried.
  var generics = 0

  init() {}

  /// Notes that the function is generic.
  public mutating func recordGenericSubstitution<T>(_ type: T.Type) throws { generics += 1 }

  /// Writes an argument.
  public mutating func recordArgument<Value: Message>(_ argument: RemoteCallArgument<Value>) throws {
    try writer.write(message: argument.value)
  }

  /// Nothing to note: the caller knows what it wants.
  public mutating func recordReturnType<R: Message>(_ type: R.Type) throws {}
  /// Nothing to note: any error may come.
  public mutating func recordErrorType<E: Error>(_ type: E.Type) throws {}
  /// Nothing is left to do.
  public mutating func doneRecording() throws {}
}

/// Reads a call's arguments in the actor's process. The Distributed module uses it.
public struct ActorInvocationDecoder: DistributedTargetInvocationDecoder, @unchecked Sendable {
  // Types aren't Sendable by themselves; nothing of theirs is touched.

  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  private let bytes: [UInt8]
  private var reader: MessageReader
  private let generics: [any Any.Type]

  /// - Parameter start: where the arguments begin.
  init(_ bytes: [UInt8], from start: Int, generics: [any Any.Type]) {
    self.bytes = bytes
    reader = MessageReader(at: start)
    self.generics = generics
  }

  /// What the hosting process knows by itself: nothing that a caller says is taken for a type.
  public mutating func decodeGenericSubstitutions() throws -> [any Any.Type] { generics }

  /// Reads an argument.
  public mutating func decodeNextArgument<Argument: Message>() throws -> Argument {
    let bytes = self.bytes
    do throws(ChannelError) {
      return try reader.message(bytes.span)
    } catch {
      throw ActorArgumentError(error: error, type: "\(Argument.self)")
    }
  }

  /// Not carried.
  public mutating func decodeErrorType() throws -> (any Any.Type)? { nil }
  /// Not carried.
  public mutating func decodeReturnType() throws -> (any Any.Type)? { nil }
}

/// An argument isn't what the function takes: not an error of the function's own.
struct ActorArgumentError: Error {
  let error: ChannelError
  let type: String
}

/// Sends back what came of a call. The Distributed module uses it.
public struct ActorResultHandler: DistributedTargetInvocationResultHandler {
  /// What arguments and results must be.
  public typealias SerializationRequirement = Message

  let call: IncomingCall

  /// The function has returned this.
  public func onReturn<Success: Message>(value: Success) async throws { call.reply(returned: value) }
  /// The function has returned.
  public func onReturnVoid() async throws { call.replyVoid() }
  /// The function has thrown this.
  public func onThrow<Err: Error>(error: Err) async throws { call.reply(thrown: error) }
}
