import IPC
import SystemCalls

/// How a connection answers the peer's calls.
extension ActorConnection {
  /// Sends the outcome of a call.
  private func answer(_ id: UInt64, _ outcome: ActorFrame.Outcome, _ bytes: [UInt8]) {
    // Counted before it is sent: the peer may send its next call as soon as it has the answer.
    callAnswered()
    Tracer.record(.actorAnswered, value: ActorFrame.traceNumber(id, of: process ?? 0))
    sendQueue.send { writer, _ in
      writer.write(ActorFrame.Kind.reply.rawValue)
      writer.write(id)
      writer.write(outcome.rawValue)
      writer.append(bytes)
    }
  }

  /// The most bytes that follow an answer's outcome.
  private var room: Int { sendQueue.limit - ActorFrame.overhead }

  func reply<Value: Message>(_ id: UInt64, returned value: Value) {
    var writer = MessageWriter()
    do throws(ChannelError) {
      try value.encode(to: &writer)
    } catch {
      return refuse(id, .notSupported, "the result can't be encoded: \(error)")
    }
    guard writer.bytes.count <= room else {
      return refuse(
        id, .notSupported,
        "the result's \(writer.bytes.count) bytes exceed the connection's limit of \(sendQueue.limit): return less, or raise maximumMessageBytes"
      )
    }
    answer(id, .returned, writer.bytes)
  }

  func replyVoid(_ id: UInt64) { answer(id, .returned, []) }

  func reply(_ id: UInt64, thrown error: any Error) {
    if let argument = error as? ActorArgumentError {
      return refuse(
        id, .otherSignature,
        "an argument isn't a valid \(argument.type) (\(argument.error)): build both programs from the same version"
      )
    }
    var writer = MessageWriter()
    if system.encode(error, to: &writer), writer.bytes.count <= room {
      return answer(id, .threwValue, writer.bytes)
    }
    writer.removeAll()
    writer.write(fitting(String(reflecting: type(of: error)), room / 2))
    writer.write(fitting(String(describing: error), room - writer.bytes.count - 4))
    answer(id, .threwDescription, writer.bytes)
  }

  private static var maximumDescriptionBytes: Int { 4096 }

  /// The text, cut to `bytes` and to a length that a person reads.
  private func fitting(_ text: String, _ bytes: Int) -> String {
    let limit = min(bytes, Self.maximumDescriptionBytes)
    if text.utf8.count <= limit { return text }
    var used = 0
    return String(
      text.prefix { character in
        used += character.utf8.count
        return used <= limit
      })
  }

  func refuse(_ id: UInt64, _ code: IPCActorError.Code, _ message: String) {
    var writer = MessageWriter()
    writer.write(code.rawValue)
    writer.write(fitting(message, room - writer.bytes.count - 4))
    answer(id, .refused, writer.bytes)
  }

  func refuseUnknown(_ id: UInt64, _ name: String) {
    refuse(
      id, .unknownActor,
      "the process hosts no actor \"\(name)\", or has stopped hosting it: ActorPeer.hosted() lists those that it hosts"
    )
  }
}
