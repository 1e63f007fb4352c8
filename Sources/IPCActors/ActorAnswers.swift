import IPC

/// What a connection answers to the other side's calls.
extension ActorConnection {
  /// Sends what came of a call.
  private func answer(_ id: UInt64, _ outcome: ActorFrame.Outcome, _ bytes: [UInt8]) {
    // Before the answer: the next call may follow it at once.
    isAnswered()
    outbox.send { writer, _ in
      writer.write(ActorFrame.Kind.reply.rawValue)
      writer.write(id)
      writer.write(outcome.rawValue)
      writer.append(bytes)
    }
  }

  /// How much of a message an answer may take.
  private var room: Int { outbox.limit - ActorFrame.overhead }

  func reply<Value: Message>(_ id: UInt64, returned value: Value) {
    var writer = MessageWriter()
    do throws(ChannelError) {
      try value.encode(to: &writer)
    } catch {
      return refuse(id, .notSupported, "the result can't be sent: \(error)")
    }
    guard writer.bytes.count <= room else {
      return refuse(
        id, .notSupported,
        "the result's \(writer.bytes.count) bytes are over the connection's limit of \(outbox.limit): return less, or raise maximumMessageBytes"
      )
    }
    answer(id, .returned, writer.bytes)
  }

  func replyVoid(_ id: UInt64) { answer(id, .returned, []) }

  func reply(_ id: UInt64, thrown error: any Error) {
    if let argument = error as? ActorArgumentError {
      return refuse(
        id, .otherSignature,
        "an argument is no \(argument.type) (\(argument.error)): build both programs from the same version")
    }
    var writer = MessageWriter()
    if system.encode(error, to: &writer), writer.bytes.count <= room {
      return answer(id, .threwKnown, writer.bytes)
    }
    writer.removeAll()
    writer.write(fitting(String(reflecting: type(of: error)), room / 2))
    writer.write(fitting(String(describing: error), room - writer.bytes.count - 4))
    answer(id, .threw, writer.bytes)
  }

  /// As much of a text as fits, and never more than anybody reads.
  private func fitting(_ text: String, _ bytes: Int) -> String {
    let most = min(bytes, 4096)
    if text.utf8.count <= most { return text }
    var used = 0
    return String(
      text.prefix { character in
        used += character.utf8.count
        return used <= most
      })
  }

  func refuse(_ id: UInt64, _ code: IPCActorError.Code, _ words: String) {
    var writer = MessageWriter()
    writer.write(code.rawValue)
    writer.write(fitting(words, room - writer.bytes.count - 4))
    answer(id, .refused, writer.bytes)
  }

  func refuseUnknown(_ id: UInt64, _ name: String) {
    refuse(
      id, .unknownActor,
      "no actor \"\(name)\" is hosted there, or no more: ActorPeer.hosted() lists those that are")
  }
}
