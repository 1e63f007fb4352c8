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
    min(KernelLimit.number("kernel/msgmax"), try MessageQueues.msgctl(status: queue).capacityBytes)
  }

  /// Makes the kernel's objects, and says where they are.
  private static func create(_ options: ChannelOptions) throws(ChannelError) -> [String: String] {
    ResourceCleaner.prepare()
    let queue = try makeQueue(options)
    do throws(SystemError) {
      let mutexes = try Semaphores.semget([1, 1])
      do throws(SystemError) {
        let segment = try Segment(shmget: QueueLink.segmentBytes)
        return ["queue": String(queue), "mutexes": String(mutexes), "segment": String(segment.id)]
      } catch {
        try? Semaphores.semctl(remove: mutexes)
        throw error
      }
    } catch {
      try? MessageQueues.msgctl(remove: queue)
      throw ChannelError(error, .open, mechanism)
    }
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let parameters = try create(options)
    do throws(ChannelError) {
      let livenessPipes = try translating(.open, mechanism) { () throws(SystemError) in
        try LivenessPipe.pair()
      }
      return TransportPair(
        try sender(link(parameters, livenessPipes.sender, options), options),
        try receiver(link(parameters, livenessPipes.receiver, options), options))
    } catch {
      ResourceCleaner.remove(parameters)
      throw error
    }
  }

  private static func makeQueue(_ options: ChannelOptions) throws(ChannelError) -> Int32 {
    if let wanted = options.capacityBytes, wanted < 64 {
      throw ChannelError(
        .invalidAddress, .open, mechanism, "a queue of \(wanted) bytes holds no message: ask for 64 or more")
    }
    let queue = try translating(.open, mechanism) { () throws(SystemError) in try MessageQueues.msgget() }
    guard let wanted = options.capacityBytes else { return queue }
    do throws(SystemError) {
      // The kernel keeps the low half of a larger number.
      guard wanted <= Int32.max else { throw SystemError(1, .msgctl) }
      try MessageQueues.msgctl(queue, capacity: wanted)
    } catch {
      try? MessageQueues.msgctl(remove: queue)
      throw ChannelError(
        .system, .open, mechanism,
        "a queue of \(wanted) bytes is over kernel.msgmnb (\(KernelLimit.number("kernel/msgmnb"))): ask for less, or have sysctl raise it",
        errno: error.number)
    }
    return queue
  }

  private static func link(
    _ parameters: [String: String], _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> QueueLink {
    func id(_ key: String) throws(ChannelError) -> Int32 {
      guard let id = parameters[key].flatMap({ Int32($0) }) else {
        throw ChannelError(
          .system, .open, mechanism, "the queue's record lacks \(key): remove the name if nobody uses it")
      }
      return id
    }
    let (queue, mutexes, segment) = (try id("queue"), try id("mutexes"), try id("segment"))
    let attached = try translating(.open, mechanism) { () throws(SystemError) in try Segment(shmat: segment) }
    guard let attached else { throw .foreign(mechanism, "segment \(segment)") }
    // What fills a queue with a name may be for a receiver that comes later: nobody throws it away.
    let waitsInKernel = options.wait == .block && (liveness.side == .receiver || liveness.isAnonymous)
    return try QueueLink(
      queue: queue, mutexes: mutexes, segment: attached, liveness: liveness, waitsInKernel: waitsInKernel)
  }

  private static func sender(_ link: QueueLink, _ options: ChannelOptions) throws(ChannelError)
    -> any SenderTransport
  {
    let unit = try translating(.open, mechanism) { () throws(SystemError) in try Self.unit(link.queue) }
    return FramedSender(mechanism, QueueSink(link, unitBytes: unit), options)
  }

  private static func receiver(
    _ link: QueueLink, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport {
    let unit = try translating(.open, mechanism) { () throws(SystemError) in try Self.unit(link.queue) }
    let source = QueueSource(link, unitBytes: unit, takesTurns: options.receivers != .one)
    return FramedReceiver(mechanism, source, options)
  }

  private static func rules(_ options: ChannelOptions) -> RegistryEntry.Rules {
    RegistryEntry.Rules(manySenders: true, manyReceivers: options.receivers != .one) {
      () throws(ChannelError) in
      try create(options)
    } remove: { parameters in
      ResourceCleaner.remove(parameters)
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let (record, liveness) = try RegistryEntry.joinSending(
      mechanism, address.target, rules(address.options), until: deadline)
    return try sender(link(record.parameters, liveness, address.options), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let (record, liveness) = try RegistryEntry.joinReceiving(
      mechanism, address.target, rules(address.options))
    return try receiver(link(record.parameters, liveness, address.options), address.options)
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    try sender(
      link(inherited.parameters, LivenessPipe(.sender, inherited, at: 0), inherited.options),
      inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    try receiver(
      link(inherited.parameters, LivenessPipe(.receiver, inherited, at: 0), inherited.options),
      inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.msgmax", KernelLimit.number("kernel/msgmax"), "bytes"),
      MechanismLimit("kernel.msgmnb", KernelLimit.number("kernel/msgmnb"), "bytes"),
      MechanismLimit("kernel.msgmni", KernelLimit.number("kernel/msgmni"), "queues"),
    ]
  }
}
