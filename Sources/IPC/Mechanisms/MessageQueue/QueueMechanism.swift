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

  /// Makes the kernel's objects, and says where they are.
  private static func create(_ options: ChannelOptions) throws(ChannelError) -> [String: String] {
    Leftovers.prepare()
    let queue = try makeQueue(options)
    do throws(SystemError) {
      let mutexes = try Semaphores.create([1, 1])
      do throws(SystemError) {
        let segment = try Segment(creating: QueueLink.segmentBytes)
        return ["queue": String(queue), "mutexes": String(mutexes), "segment": String(segment.id)]
      } catch {
        try? Semaphores.remove(mutexes)
        throw error
      }
    } catch {
      try? MessageQueues.remove(queue)
      throw ChannelError(error, .open, mechanism)
    }
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> EndPair {
    let parameters = try create(options)
    do throws(ChannelError) {
      let lifelines = try translating(.open, mechanism) { () throws(SystemError) in try Lifeline.pair() }
      return EndPair(
        try sender(link(parameters, lifelines.sender, options), options),
        try receiver(link(parameters, lifelines.receiver, options), options))
    } catch {
      Leftovers.remove(parameters)
      throw error
    }
  }

  private static func makeQueue(_ options: ChannelOptions) throws(ChannelError) -> Int32 {
    if let wanted = options.capacityBytes, wanted < 64 {
      throw ChannelError(
        .invalidAddress, .open, mechanism, "a queue of \(wanted) bytes holds no message: ask for 64 or more")
    }
    let queue = try translating(.open, mechanism) { () throws(SystemError) in try MessageQueues.create() }
    guard let wanted = options.capacityBytes else { return queue }
    do throws(SystemError) {
      // The kernel keeps the low half of a larger number.
      guard wanted <= Int32.max else { throw SystemError(1, .msgctl) }
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

  private static func link(
    _ parameters: [String: String], _ lifeline: Lifeline, _ options: ChannelOptions
  ) throws(ChannelError) -> QueueLink {
    func id(_ key: String) throws(ChannelError) -> Int32 {
      guard let id = parameters[key].flatMap({ Int32($0) }) else {
        throw ChannelError(
          .system, .open, mechanism, "the queue's record lacks \(key): remove the name if nobody uses it")
      }
      return id
    }
    let (queue, mutexes, segment) = (try id("queue"), try id("mutexes"), try id("segment"))
    let attached: Segment
    do throws(SystemError) {
      attached = try Segment(attaching: segment)
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
    // What fills a queue with a name may be for a receiver that comes later: nobody throws it away.
    let waitsInKernel = options.wait == .block && (lifeline.side == .receiver || lifeline.isAnonymous)
    return try QueueLink(
      queue: queue, mutexes: mutexes, segment: attached, lifeline: lifeline, waitsInKernel: waitsInKernel)
  }

  private static func sender(_ link: QueueLink, _ options: ChannelOptions) throws(ChannelError)
    -> any SendingEnd
  {
    let unit = try translating(.open, mechanism) { () throws(SystemError) in try Self.unit(link.queue) }
    return FramedSender(mechanism, QueueSink(link, unitBytes: unit), options)
  }

  private static func receiver(
    _ link: QueueLink, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceivingEnd {
    let unit = try translating(.open, mechanism) { () throws(SystemError) in try Self.unit(link.queue) }
    let source = QueueSource(link, unitBytes: unit, takesTurns: options.receivers != .one)
    return FramedReceiver(mechanism, source, options)
  }

  private static func rules(_ options: ChannelOptions) -> NameRecord.Rules {
    NameRecord.Rules(manySenders: true, manyReceivers: options.receivers != .one) { () throws(ChannelError) in
      try create(options)
    } remove: { parameters in
      Leftovers.remove(parameters)
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SendingEnd {
    let (record, lifeline) = try NameRecord.joinSending(
      mechanism, address.target, rules(address.options), until: deadline)
    return try sender(link(record.parameters, lifeline, address.options), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceivingEnd {
    let (record, lifeline) = try NameRecord.joinReceiving(mechanism, address.target, rules(address.options))
    return try receiver(link(record.parameters, lifeline, address.options), address.options)
  }

  package static func adoptSender(_ inherited: InheritedEnd) throws(ChannelError) -> any SendingEnd {
    try sender(
      link(inherited.parameters, Lifeline(.sender, inherited, at: 0), inherited.options), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEnd) throws(ChannelError) -> any ReceivingEnd {
    try receiver(
      link(inherited.parameters, Lifeline(.receiver, inherited, at: 0), inherited.options), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.msgmax", KernelLimit.number("kernel/msgmax"), "bytes"),
      MechanismLimit("kernel.msgmnb", KernelLimit.number("kernel/msgmnb"), "bytes"),
      MechanismLimit("kernel.msgmni", KernelLimit.number("kernel/msgmni"), "queues"),
    ]
  }
}
