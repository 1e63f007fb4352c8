import SystemCalls

/// eventfd(2): the kernel's counter behind a descriptor. It carries tokens.
///
/// - Opening: eventfd2(2) makes two, with EFD_SEMAPHORE, one for the tokens that were sent, one for those that may
///   still be sent. They have no name: an endpoint is passed when a process is spawned.
/// - Sending: read(2) takes one of the free tokens, write(2) adds one to the sent ones. Receiving: the reverse.
/// - Waiting: ppoll(2) on the eventfd and the liveness pipe.
/// - Dying: the liveness pipe hangs up. A process killed between the two calls takes one place with it.
enum EventfdMechanism: MechanismImplementation {
  static let mechanism = Mechanism.eventfd

  static let traits = MechanismTraits(
    summary: "a counter behind a descriptor: tokens", addressForm: "eventfd:",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["eventfd2", "fcntl"], send: ["read", "write"], receive: ["read", "write"],
      wait: ["ppoll", "read", "write"], close: ["close"]
    )
    .adding(LivenessPipe.systemCalls),
    carries: .tokens, manySenders: true, manyReceivers: true, named: false, coalesces: false,
    caveat: "holds \(tokenCapacity) tokens")

  private final class Counter: CounterTransport {
    private let sent: Descriptor
    private let free: Descriptor
    private let owner: KernelObjectOwner

    init(
      sent: consuming Descriptor, free: consuming Descriptor, _ liveness: LivenessPipe
    ) throws(ChannelError) {
      self.sent = sent
      self.free = free
      owner = try KernelObjectOwner(mechanism, liveness, descriptors: [self.sent.raw, self.free.raw])
      try translating(.open, mechanism) { () throws(SystemError) in
        try self.sent.setNonblocking(true)
        try self.free.setNonblocking(true)
      }
    }

    func put(until deadline: Deadline) throws(ChannelError) -> Bool {
      while true {
        if owner.peersGone { throw .closed(.send, mechanism) }
        if Events.read(free) {
          Events.write(sent)
          return true
        }
        guard try owner.poll(free.raw, read: true, until: deadline, .send) else { return false }
      }
    }

    func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
      while true {
        let gone = owner.peersGone
        if Events.read(sent) {
          Events.write(free)
          return .bytes(0)
        }
        if gone { return .ended }
        guard try owner.poll(sent.raw, read: true, until: deadline, .receive) else { return .nothing }
      }
    }

    func readiness(toPut: Bool) -> Readiness { .counters([toPut ? free.raw : sent.raw], owner.liveness) }

    var objects: [String] { owner.objects }

    func close() { owner.close() }
    func transfer() throws(ChannelError) -> EndpointTransfer { try owner.transfer() }
    func finishTransfer() -> AnyObject? { owner.finishTransfer() }
  }

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    func opening(_ call: () throws(SystemError) -> Descriptor) throws(ChannelError) -> Descriptor {
      try translating(.open, mechanism, "", call)
    }
    let sent = try opening { () throws(SystemError) in try Events.eventfd(semaphore: true) }
    let free = try opening { () throws(SystemError) in
      try Events.eventfd(UInt32(tokenCapacity), semaphore: true)
    }
    let sentAgain = try opening { () throws(SystemError) in try sent.duplicate() }
    let freeAgain = try opening { () throws(SystemError) in try free.duplicate() }
    let pipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair() }
    return TransportPair(
      CounterSender(mechanism, try Counter(sent: sent, free: free, pipes.sender), options),
      CounterReceiver(mechanism, try Counter(sent: sentAgain, free: freeAgain, pipes.receiver), options))
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport { throw nameless(address) }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    throw nameless(address)
  }

  private static func nameless(_ address: Address) -> ChannelError {
    ChannelError(
      .notSupported, .open, mechanism,
      "an eventfd has no name: make one with Channel(over:) and pass an endpoint, or use semaphore:\(address.target)?type=tokens"
    )
  }

  private static func adopt(
    _ side: LivenessPipe.Side, _ inherited: InheritedEndpoint
  ) throws(ChannelError) -> Counter {
    try Counter(
      sent: Descriptor(owning: try inherited.descriptor(LivenessPipe.descriptorCount)),
      free: Descriptor(owning: try inherited.descriptor(LivenessPipe.descriptorCount + 1)),
      LivenessPipe(side, inherited))
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    CounterSender(mechanism, try adopt(.sender, inherited), inherited.options)
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    CounterReceiver(mechanism, try adopt(.receiver, inherited), inherited.options)
  }

  static func limits() -> [MechanismLimit] {
    [MechanismLimit("tokens on the way", tokenCapacity, "count")]
  }
}
