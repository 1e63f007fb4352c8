import SystemCalls

extension TraceEvent {
  /// The event of a record; nil for a kind that this version doesn't know.
  init?(_ entry: TraceReader.Entry, process: Int32) {
    let record = entry.record
    guard let kind = TraceKind(rawValue: record.kind), let content = Self.content(kind, record, entry.text)
    else { return nil }
    self.init(process: process, thread: record.thread, time: record.time, content: content)
  }

  private static func content(_ kind: TraceKind, _ record: TraceRecord, _ text: [UInt8]) -> Content? {
    var words: String { String(decoding: text, as: UTF8.self) }
    let object = record.object
    let size = Int(clamping: record.size)
    switch kind {
    // Of an event that is lost.
    case .text: return nil
    case .thread: return .thread(name: words)
    case .descriptor: return .descriptor(number: object, object: words)
    case .callBegins: return Call(record).map { .callBegins($0) }
    case .callEnds:
      return Call(record).map {
        .callEnds(
          $0, result: record.value, errno: record.other,
          slept: record.flags & TraceRecord.Flags.slept.rawValue != 0)
      }
    case .opened:
      var fields = words.split(separator: "\t").map(String.init)
      guard !fields.isEmpty else { return nil }
      let mechanism = fields.removeFirst()
      return .opened(
        Endpoint(
          number: object, isReceiver: record.other == 1, mechanism: mechanism, objects: fields,
          sender: UInt32(truncatingIfNeeded: record.detail)))
    case .closed: return .closed(endpoint: object, passed: record.other == 1)
    case .sent:
      return .sent(
        endpoint: object, number: record.value, bytes: size,
        sender: UInt32(truncatingIfNeeded: record.detail), payload: text)
    case .received:
      return .received(
        endpoint: object, number: record.value, bytes: size,
        sender: UInt32(truncatingIfNeeded: record.detail), payload: text)
    case .published:
      return .published(endpoint: object, position: UInt64(bitPattern: record.value), bytes: size)
    case .consumed:
      return .consumed(endpoint: object, position: UInt64(bitPattern: record.value), bytes: size)
    case .peerGone: return .peerGone(descriptor: object)
    case .jobLeased:
      return .jobLeased(
        number: record.value, job: Int(clamping: record.detail), worker: object, before: Int(record.other))
    case .jobAnswered:
      return .jobAnswered(
        number: record.value, job: Int(clamping: record.detail), worker: object, failed: record.other == 1)
    case .jobBegins: return .jobBegins(number: record.value)
    case .jobEnds: return .jobEnds(number: record.value)
    case .actorCalled:
      return .actorCalled(call: record.value, function: words, arrives: record.other == 1)
    case .actorAnswered: return .actorAnswered(call: record.value, arrives: record.other == 1)
    case .taskRuns:
      return .taskRuns(task: UInt64(bitPattern: record.value), thread: object, processor: record.other)
    case .taskStops: return .taskStops(task: UInt64(bitPattern: record.value), thread: object)
    case .threadState: return .threadState(thread: object, state: words)
    case .processorState: return .processorState(processor: object, state: words)
    case .localSent:
      return .localSent(
        channel: UInt64(bitPattern: record.value), number: record.size, task: record.detail)
    case .localReceived:
      return .localReceived(
        channel: UInt64(bitPattern: record.value), number: record.size, task: record.detail)
    case .note: return .note(words)
    case .ended: return .ended
    case .childEnded:
      return .childEnded(child: object, code: Int32(truncatingIfNeeded: record.value), signal: record.other)
    }
  }
}

extension TraceEvent.Call {
  /// Nil for a call that this version doesn't know.
  init?(_ record: TraceRecord) {
    guard record.call < SystemCall.allCases.count else { return nil }
    let kind = CallSubject.Kind(
      rawValue: UInt8(truncatingIfNeeded: record.flags >> TraceRecord.Flags.subjectShift & 7))
    let subject: TraceEvent.Subject =
      switch kind {
      case .descriptor: .descriptor(record.object)
      case .queue: .queue(record.object)
      case .semaphores: .semaphores(record.object)
      case .segment: .segment(record.object)
      case .process: .process(record.object)
      case .word: .word(record.detail, operation: record.object)
      case .none?, nil: .none
      }
    self.init(
      name: SystemCall.allCases[Int(record.call)].rawValue, subject: subject,
      bytes: Int(clamping: record.size),
      detail: record.detail, waits: record.flags & TraceRecord.Flags.waits.rawValue != 0)
  }
}
