import Distributed
import IPC

/// Calls functions by their mangled names.
///
/// The Distributed module's `executeDistributedTarget` takes the name apart anew with each call, to learn of arguments and
/// result, which costs as much as all the rest of a call. Here it is taken apart once. The last step has no name in Swift,
/// only the runtime's, and its signature is this compiler's: with another one, and for generic functions, the module's own
/// is used.
@safe final class TargetExecution: @unchecked Sendable {
  // The memory is written here, and only read afterwards.

  private let name: UnsafeMutableBufferPointer<UInt8>
  private let arguments: UnsafeMutableBufferPointer<any Any.Type>
  /// Nil: the function returns nothing.
  private let result: (any Message.Type)?

  /// Nil: it has to be called the module's way.
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

  /// Calls it, and gives what it returned, or nothing, to the call. Throws what it threw, and what the decoder throws.
  nonisolated(nonsending) func run(
    on actor: any DistributedActor, _ decoder: inout ActorInvocationDecoder, _ call: IncomingCall
  ) async throws {
    if let result { return try await run(on: actor, &decoder, call, returning: result) }
    // Nothing is written there.
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
