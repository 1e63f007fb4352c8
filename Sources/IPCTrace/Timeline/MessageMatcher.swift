/// Finds for each message that was received where it was sent.
///
/// The messages of one sender arrive in the order sent: per endpoint, they wait here in that order. Where several senders share a
/// channel, the number in the frames tells them apart, or else the times. A message that a trace lost leaves a hole in the numbers
/// of its endpoint, or a size that doesn't fit; it is skipped.
struct MessageMatcher {
  /// A message, at one of its ends.
  struct Passage {
    var lane: Int
    var process: Int32
    var endpoint: Int32
    /// When it was received; when the call began that sent it.
    var time: UInt64
    /// The moment before which it can't have been sent.
    var earliest: UInt64
    var number: Int64
    var bytes: Int
    var sender: UInt32
    /// The trace lost it: its number says that there was one.
    var isLost = false
  }

  private struct Source: Hashable {
    let process: Int32
    let endpoint: Int32
  }

  /// What one endpoint has sent and no other has received.
  private struct Queue {
    var messages: ArraySlice<Passage> = []
    var lastNumber: Int64 = 0

    /// The place of the first message of this size, or before it of one that the trace lost.
    func place(bytes: Int) -> Int? {
      messages.prefix(MessageMatcher.reach).firstIndex { $0.isLost || $0.bytes == bytes }
    }

    mutating func drop(through index: Int) { messages = messages[(index + 1)...] }
  }

  private struct Channel {
    var queues: [Source: Queue] = [:]
    /// What was received before the trace had that it was sent: the receiver was faster with its record.
    var early: ArraySlice<Passage> = []
  }

  /// How far a message is looked for behind those that the trace must have lost.
  private static let reach = 1024
  /// How many messages of an endpoint wait for their receiver, and the other way round. A receiver that records nothing must not
  /// fill the memory.
  private static let mostWaiting = 1 << 16
  private static let mostEarly = 1 << 12

  private var channels: [Int: Channel] = [:]
  /// The number of the last message that an endpoint received.
  private var lastReceived: [Source: Int64] = [:]

  /// A message was sent.
  /// - Returns: where it was received, if the trace has that already.
  mutating func sent(_ message: Passage, on channel: Int, crosses: Bool) -> Passage? {
    let source = Source(process: message.process, endpoint: message.endpoint)
    noteHole(before: message, source, channel, crosses)
    let early = channels[channel]!.early.firstIndex { received in
      received.bytes == message.bytes && received.time >= message.earliest
        && Self.fit(message, received, crosses)
    }
    // Only the first of its sender: one that waits is older.
    if let early, channels[channel]!.queues[source]!.messages.isEmpty {
      return channels[channel]!.early.remove(at: early)
    }
    channels[channel]!.queues[source]!.messages.append(message)
    if channels[channel]!.queues[source]!.messages.count > Self.mostWaiting {
      channels[channel]!.queues[source]!.messages.removeFirst()
    }
    return nil
  }

  /// A message was received.
  /// - Returns: where it was sent, if the trace has that already.
  ///
  /// - Parameter isNumbered: whether the numbers of its endpoint count this channel's messages alone.
  mutating func received(_ message: Passage, on channel: Int, crosses: Bool, isNumbered: Bool) -> Passage? {
    if isNumbered { skipHole(before: message, channel) }
    var found: (source: Source, place: Int, time: UInt64)?
    for (source, queue) in channels[channel]?.queues ?? [:] {
      guard let first = queue.messages.first, Self.fit(first, message, crosses),
        let place = queue.place(bytes: message.bytes)
      else { continue }
      let time = queue.messages[place].time
      // The sender that has waited longest; of two at the same time, always the same one.
      if let best = found,
        (best.time, best.source.process, best.source.endpoint) < (time, source.process, source.endpoint)
      {
        continue
      }
      found = (source, place, time)
    }
    guard let found else {
      channels[channel, default: Channel()].early.append(message)
      if channels[channel]!.early.count > Self.mostEarly { channels[channel]!.early.removeFirst() }
      return nil
    }
    let sent = channels[channel]!.queues[found.source]!.messages[found.place]
    channels[channel]!.queues[found.source]!.drop(through: found.place)
    return sent.isLost ? nil : sent
  }

  /// The most messages for which a hole in the numbers stands.
  private static let largestHole: Int64 = 1 << 12

  /// An endpoint has sent messages that the trace lost.
  private mutating func noteHole(
    before message: Passage, _ source: Source, _ channel: Int, _ crosses: Bool
  ) {
    var queue = channels[channel, default: Channel()].queues.removeValue(forKey: source) ?? Queue()
    defer { channels[channel]!.queues[source] = queue }
    let last = queue.lastNumber
    queue.lastNumber = message.number
    guard message.number > last + 1, message.number - last <= Self.largestHole else { return }
    var lost = message
    lost.isLost = true
    for _ in 0..<Int(message.number - last - 1) {
      // Those that were received are no other message's.
      let early = channels[channel]!.early.firstIndex { Self.fit(message, $0, crosses) }
      if let early, queue.messages.isEmpty {
        channels[channel]!.early.remove(at: early)
      } else {
        queue.messages.append(lost)
      }
    }
  }

  /// An endpoint has received messages that the trace lost: where they have only one sender, it is known which they were.
  private mutating func skipHole(before message: Passage, _ channel: Int) {
    let receiver = Source(process: message.process, endpoint: message.endpoint)
    let last = lastReceived.updateValue(message.number, forKey: receiver) ?? 0
    guard message.number > last + 1, channels[channel]?.queues.count == 1,
      let source = channels[channel]?.queues.keys.first
    else { return }
    let waiting = channels[channel]!.queues[source]!.messages.count
    channels[channel]!.queues[source]!.messages.removeFirst(
      Int(min(message.number - last - 1, Int64(waiting))))
  }

  /// Whether the one may be the other: of the same sender, where frames say so, and in another process, where a channel goes both
  /// ways.
  private static func fit(_ sent: Passage, _ received: Passage, _ crosses: Bool) -> Bool {
    (sent.sender == received.sender || sent.sender == 0 || received.sender == 0)
      && (!crosses || sent.process != received.process)
  }
}
