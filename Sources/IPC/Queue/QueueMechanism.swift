import SystemCalls

/// System V message queues (msgget(2), msgop(2)): many to many, messages up to kernel.msgmax native and larger
/// ones in parts, at most kernel.msgmnb bytes waiting.
package enum QueueMechanism: MechanismImplementation {
  package static let mechanism = Mechanism.queue

  package static let traits = MechanismTraits(
    summary: "the kernel's own message queue: boundaries and types, many senders and receivers",
    addressForm: "queue:NAME", systemCalls: ["msgget", "msgsnd", "msgrcv", "futex"],
    manySenders: true, manyReceivers: true,
    caveat: "holds kernel.msgmnb bytes, which only the administrator can raise (sysctl kernel.msgmnb=...)")

  /// What one queue message carries: never more than the queue holds.
  private static func unit(_ queue: Int32) throws(SystemError) -> Int {
    min(KernelLimit.number("kernel/msgmax"), try MessageQueues.status(queue).capacityBytes)
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> EndPair {
    let queue = try makeQueue(options)
    let segment: Segment
    do throws(SystemError) {
      segment = try Segment(creating: QueueLink.segmentBytes)
    } catch {
      try? MessageQueues.remove(queue)
      throw ChannelError(error, .open, mechanism)
    }
    let id = segment.id
    do throws(ChannelError) {
      let lifelines = try translating(.open, mechanism) { () throws(SystemError) in try Lifeline.pair() }
      let sending = try QueueLink(queue: queue, segment: segment, lifeline: lifelines.sender)
      let receiving = try link(queue, id, lifelines.receiver)
      return try ends(sending, receiving, options)
    } catch {
      QueueLink.remove(queue: queue, segment: id)
      throw error
    }
  }

  private static func makeQueue(_ options: ChannelOptions) throws(ChannelError) -> Int32 {
    if let wanted = options.capacityBytes, wanted < 64 {
      throw ChannelError(.invalidAddress, .open, mechanism, "a queue of \(wanted) bytes holds no message: ask for 64 or more")
    }
    let queue = try translating(.open, mechanism) { () throws(SystemError) in try MessageQueues.create() }
    guard let wanted = options.capacityBytes else { return queue }
    do throws(SystemError) {
      try MessageQueues.setCapacity(queue, bytes: wanted)
    } catch {
      try? MessageQueues.remove(queue)
      throw ChannelError(
        .system, .open, mechanism,
        "a queue of \(wanted) bytes is over kernel.msgmnb (\(KernelLimit.number("kernel/msgmnb"))): ask for less, or have sysctl raise it",
        errno: error.number)
    }
    return queue
  }

  private static func link(_ queue: Int32, _ segment: Int32, _ lifeline: Lifeline) throws(ChannelError) -> QueueLink {
    let attached: Segment
    do throws(SystemError) {
      attached = try Segment(attaching: segment)
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
    return try QueueLink(queue: queue, segment: attached, lifeline: lifeline)
  }

  private static func ends(
    _ sending: QueueLink, _ receiving: QueueLink, _ options: ChannelOptions
  ) throws(ChannelError) -> EndPair {
    let unit = try translating(.open, mechanism) { () throws(SystemError) in try Self.unit(sending.queue) }
    return EndPair(
      FramedSender(mechanism, QueueSink(sending, unitBytes: unit), options),
      FramedReceiver(mechanism, QueueSource(receiving, unitBytes: unit), options))
  }

  private static func rules(_ options: ChannelOptions) -> NameRecord.Rules {
    NameRecord.Rules(manySenders: true, manyReceivers: true) { () throws(ChannelError) in
      let queue = try makeQueue(options)
      do throws(SystemError) {
        let segment = try Segment(creating: QueueLink.segmentBytes)
        return ["queue": String(queue), "segment": String(segment.id)]
      } catch {
        try? MessageQueues.remove(queue)
        throw ChannelError(error, .open, mechanism)
      }
    } remove: { parameters in
      if let queue = parameters["queue"].flatMap({ Int32($0) }) { try? MessageQueues.remove(queue) }
      if let segment = parameters["segment"].flatMap({ Int32($0) }) { try? Segment.remove(segment) }
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SendingEnd {
    let (record, lifeline) = try NameRecord.joinSending(
      mechanism, address.target, rules(address.options), until: deadline)
    let link = try link(Int32(clamping: record.integer("queue")), Int32(clamping: record.integer("segment")), lifeline)
    let unit = try translating(.open, mechanism) { () throws(SystemError) in try Self.unit(link.queue) }
    return FramedSender(mechanism, QueueSink(link, unitBytes: unit), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceivingEnd {
    let (record, lifeline) = try NameRecord.joinReceiving(mechanism, address.target, rules(address.options))
    let link = try link(Int32(clamping: record.integer("queue")), Int32(clamping: record.integer("segment")), lifeline)
    let unit = try translating(.open, mechanism) { () throws(SystemError) in try Self.unit(link.queue) }
    return FramedReceiver(mechanism, QueueSource(link, unitBytes: unit), address.options)
  }

  private static func adopt(_ side: Lifeline.Side, _ inherited: InheritedEnd) throws(ChannelError) -> QueueLink {
    try link(
      Int32(clamping: inherited.integer("queue")), Int32(clamping: inherited.integer("segment")),
      Lifeline(side, inherited, at: 0))
  }

  package static func adoptSender(_ inherited: InheritedEnd) throws(ChannelError) -> any SendingEnd {
    let sink = QueueSink(try adopt(.sender, inherited), unitBytes: try inherited.integer("unit"))
    return FramedSender(mechanism, sink, inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEnd) throws(ChannelError) -> any ReceivingEnd {
    let source = QueueSource(try adopt(.receiver, inherited), unitBytes: try inherited.integer("unit"))
    return FramedReceiver(mechanism, source, inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.msgmax", KernelLimit.number("kernel/msgmax"), "bytes"),
      MechanismLimit("kernel.msgmnb", KernelLimit.number("kernel/msgmnb"), "bytes"),
      MechanismLimit("kernel.msgmni", KernelLimit.number("kernel/msgmni"), "queues"),
    ]
  }
}
