import Distributed
import IPC

/// Calls a distributed function by its mangled name.
///
/// The Distributed module's `executeDistributedTarget` demangles the name in each call to find the types of arguments and
/// result, which costs as much as the rest of a call. This type does it once. The function that finally executes the call
/// has no declaration in Swift, only a symbol of the runtime, whose signature depends on the compiler. With other compiler
/// versions, and for generic functions, the module's own function is used.
@safe final class TargetExecution: @unchecked Sendable {
  // Unchecked: the initializer writes the memory, which is only read afterwards.

  private let name: UnsafeMutableBufferPointer<UInt8>
  private let arguments: UnsafeMutableBufferPointer<any Any.Type>
  /// The type of the result; nil: the function returns nothing.
  private let result: (any Message.Type)?

  /// Nil: it must be called with `executeDistributedTarget`.
  init?(_ identifier: String) {
    #if compiler(>=6.3) && compiler(<6.4)
      let bytes = Array(identifier.utf8)
      unsafe name = .allocate(capacity: bytes.count)
      _ = unsafe name.initialize(from: bytes)
      let start = unsafe UnsafePointer(name.baseAddress!)
      let length = UInt(bytes.count)
      let count = unsafe __getParameterCount(start, length)
      unsafe arguments = .allocate(capacity: max(1, Int(count)))
      let found = unsafe __getReturnTypeInfo(start, length, nil, nil)
      result = found as? any Message.Type
      guard count >= 0, let found, found == Void.self || result != nil,
        unsafe _getGenericEnvironmentOfDistributedTarget(start, length) == nil,
        unsafe __getParameterTypeInfo(start, length, nil, nil, arguments.baseAddress!._rawValue, Int(count))
          == count
      else { return nil }
    #else
      return nil
    #endif
  }

  deinit {
    unsafe name.deallocate()
    unsafe arguments.deallocate()
  }

  /// Calls the function, and answers the call with its result.
  /// - Throws: what the function throws, and what the decoder throws.
  nonisolated(nonsending) func run(
    on actor: any DistributedActor, _ decoder: inout ActorInvocationDecoder, _ call: IncomingCall
  ) async throws {
    if let result { return try await run(on: actor, &decoder, call, returning: result) }
    // A function without a result writes nothing to it.
    nonisolated(unsafe) let nothing = unsafe UnsafeMutableRawPointer(arguments.baseAddress!)
    unsafe try await executeTarget(
      actor, UnsafePointer(name.baseAddress!), UInt(name.count), decoder: &decoder,
      argumentTypes: UnsafeRawPointer(arguments.baseAddress!), result: nothing, substitutions: nil,
      witnessTables: nil,
      witnessTableCount: 0)
    call.replyVoid()
  }

  private nonisolated(nonsending) func run<Result: Message>(
    on actor: any DistributedActor, _ decoder: inout ActorInvocationDecoder, _ call: IncomingCall,
    returning: Result.Type
  ) async throws {
    nonisolated(unsafe) let buffer = UnsafeMutablePointer<Result>.allocate(capacity: 1)
    defer { unsafe buffer.deallocate() }
    unsafe try await executeTarget(
      actor, UnsafePointer(name.baseAddress!), UInt(name.count), decoder: &decoder,
      argumentTypes: UnsafeRawPointer(arguments.baseAddress!), result: UnsafeMutableRawPointer(buffer),
      substitutions: nil, witnessTables: nil, witnessTableCount: 0)
    call.reply(returned: unsafe buffer.move())
  }
}

@_silgen_name("swift_distributed_execute_target")
private func executeTarget<Decoder: DistributedTargetInvocationDecoder>(
  _ actor: AnyObject, _ name: UnsafePointer<UInt8>, _ length: UInt, decoder: inout Decoder,
  argumentTypes: UnsafeRawPointer, result: UnsafeMutableRawPointer, substitutions: UnsafeRawPointer?,
  witnessTables: UnsafeRawPointer?, witnessTableCount: UInt
) async throws
