import SystemCalls

/// POSIX message queues (mq_overview(7)): like the System V ones, without types, but with a descriptor that poll(2)
/// knows.
///
/// - Opening: mq_open(3) makes a queue in non-blocking mode. A channel without a name removes the queue's with
///   mq_unlink(3) at once: the kernel removes the queue with its last descriptor. One with a name keeps it in the
///   registry entry.
/// - Sending: mq_timedsend(2). A message that is larger than the queue's mq_msgsize goes in fragments.
/// - Receiving: mq_timedreceive(2).
/// - Waiting: ppoll(2) on the queue and the liveness pipe.
/// - Fragments: a sender of fragments locks the byte of the senders' liveness pipe that has its number (fcntl(2),
///   F_OFD_SETLK), as in a pipe (``PipeMechanism``).
/// - Dying: the liveness pipe hangs up. The last endpoint removes the name.
enum POSIXQueueMechanism: MechanismImplementation {
  static let mechanism = Mechanism.posixQueue

  static let traits = MechanismTraits(
    summary: "the other message queue of the kernel: no types, but a descriptor that poll(2) knows",
    addressForm: "posix-queue:NAME",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["mq_open", "mq_unlink", "mq_getsetattr", "rmdir", "fcntl"],
      send: ["mq_timedsend", "openat", "fcntl", "close"],
      receive: ["mq_timedreceive"], wait: ["ppoll", "mq_timedsend", "mq_timedreceive"],
      close: ["mq_timedsend", "close", "mq_unlink"]
    )
    .adding(LivenessPipe.systemCalls, RegistryEntry.systemCalls),
    manySenders: true, manyReceivers: false, outlivesProcesses: true,
    caveat: "holds fs.mqueue.msg_max messages; all of a user's queues share ulimit -q bytes")

  private static let largestMessage = 8192, mostMessages = 10

  /// One endpoint's queue.
  private final class Transport: ByteWriter, ByteReader {
    private let queue: Descriptor
    private let owner: KernelObjectOwner
    private let message: ByteBuffer
    let unitBytes: Int
    let isStream = false
    let interleavesFragments = true
    let readsUnits = true

    init(
      _ queue: consuming Descriptor, _ liveness: LivenessPipe, ids: [(key: String, value: String)] = []
    ) throws(ChannelError) {
      do throws(SystemError) {
        unitBytes = try POSIXQueues.mqGetattr(queue).size
      } catch {
        throw ChannelError(error, .open, mechanism)
      }
      self.queue = queue
      message = ByteBuffer(capacity: unitBytes)
      owner = try KernelObjectOwner(mechanism, liveness, ids: ids, descriptors: [self.queue.raw])
    }

    func write(
      _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
    ) throws(ChannelError) -> Int {
      message.removeAll()
      unsafe message.append(head)
      unsafe message.append(body)
      while true {
        if owner.peersGone { throw .closed(.send, mechanism) }
        let sent = try translating(.send, mechanism) { () throws(SystemError) in
          unsafe try POSIXQueues.mqSend(queue.raw, message.bytes)
        }
        if sent { return message.count }
        guard try owner.poll(queue.raw, write: true, until: deadline, .send) else { return 0 }
      }
    }

    func read(
      into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
    ) throws(ChannelError) -> ReadOutcome {
      while true {
        let gone = owner.peersGone
        let count = try translating(.receive, mechanism) { () throws(SystemError) in
          unsafe try POSIXQueues.mqReceive(queue.raw, into: buffer)
        }
        if let count {
          if count == 0 { throw .violation(mechanism, "a queue message of 0 bytes") }
          return .bytes(count)
        }
        if gone { return .ended }
        guard try owner.poll(queue.raw, read: true, until: deadline, .receive) else { return .nothing }
      }
    }

    func claim(_ number: UInt32) { owner.liveness.claim(number) }
    var fragmentSenders: FragmentSenders {
      .several { [liveness = owner.liveness] number in liveness.isClaimed(number) }
    }

    var readiness: Readiness { .descriptors([queue.raw], owner.liveness) }

    var objects: [String] { owner.objects }

    func close() { owner.close() }
    func transfer() throws(ChannelError) -> EndpointTransfer { try owner.transfer() }
    func finishTransfer() -> AnyObject? { owner.finishTransfer() }
  }

  // MARK: Opening

  private static func create(_ name: String) throws(ChannelError) -> Descriptor {
    let messages = min(mostMessages, try KernelLimit.required("fs/mqueue/msg_max", mechanism))
    let size = min(largestMessage, try KernelLimit.required("fs/mqueue/msgsize_max", mechanism))
    return try translating(.open, mechanism) { () throws(SystemError) in
      try POSIXQueues.mqOpen(creating: name, messages: messages, size: size)
    }
  }

  private static func newName() -> String { "/swift-ipc-\(UInt64.random(in: 0 ... .max))" }

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    ResourceCleaner.prepare()
    return try ResourceCleaner.making { () throws(ChannelError) in try make(options) }
  }

  private static func make(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let name = newName()
    // Until the queue has no name any more.
    let entry = AnonymousEntry.begin(mechanism, [KernelObjects.queueName: name])
    defer { entry?.remove() }
    let queue = try create(name)
    // Without a name, the kernel removes it with its last descriptor.
    try? POSIXQueues.mqUnlink(name)
    let second = try translating(.open, mechanism) { () throws(SystemError) in try queue.duplicate() }
    let pipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair() }
    return TransportPair(
      FramedSender(mechanism, try Transport(queue, pipes.sender), options),
      FramedReceiver(mechanism, try Transport(second, pipes.receiver), options))
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let (entry, liveness) = try RegistryEntry.joinSending(
      mechanism, address.target, sharesSending: true, type: address.options.messageType, until: deadline)
    return FramedSender(mechanism, try open(entry, liveness), address.options)
  }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    try ResourceCleaner.making { () throws(ChannelError) in try join(address) }
  }

  private static func join(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let name = newName()
    let (entry, liveness) = try RegistryEntry.joinReceiving(
      mechanism, address.target, sharesReceiving: false, type: address.options.messageType,
      planned: [KernelObjects.queueName: name]
    ) { _ throws(ChannelError) in
      ResourceCleaner.prepare()
      _ = try create(name)
      return [:]
    }
    return FramedReceiver(mechanism, try open(entry, liveness), address.options)
  }

  private static func open(
    _ entry: RegistryEntry, _ liveness: LivenessPipe
  ) throws(ChannelError) -> Transport {
    try liveness.leavingIfItFails(entry) { () throws(ChannelError) in
      let name = entry.ids[KernelObjects.queueName] ?? ""
      let queue = try translating(.open, mechanism, name) { () throws(SystemError) in
        try POSIXQueues.mqOpen(name)
      }
      return try Transport(queue, liveness, ids: [(KernelObjects.queueName, name)])
    }
  }

  private static func adopt(
    _ side: LivenessPipe.Side, _ inherited: InheritedEndpoint
  ) throws(ChannelError) -> Transport {
    try Transport(
      Descriptor(owning: try inherited.descriptor(LivenessPipe.descriptorCount)),
      LivenessPipe(side, inherited))
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    FramedSender(mechanism, try adopt(.sender, inherited), inherited.options)
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    FramedReceiver(mechanism, try adopt(.receiver, inherited), inherited.options)
  }

  static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("fs.mqueue.msg_max", KernelLimit.number("fs/mqueue/msg_max"), "messages"),
      MechanismLimit("fs.mqueue.msgsize_max", KernelLimit.number("fs/mqueue/msgsize_max"), "bytes"),
    ]
  }
}
