import SystemCalls

/// eventfd(2): the kernel's counter behind a descriptor. Tokens; anonymous, since it has no name. Two of them: one
/// counts what was sent, one what may still be sent.
package enum EventfdVariant: MechanismImplementation {
  package static let mechanism = Mechanism("eventfd")

  package static let traits = MechanismTraits(
    summary: "a counter behind a descriptor: tokens", addressForm: "eventfd:",
    systemCalls: ["eventfd", "read", "write", "poll"],
    carries: .tokens, manySenders: true, manyReceivers: true, named: false, coalesces: false,
    caveat: "holds \(capacity) tokens")

  private static let capacity: UInt32 = 32000

  private final class Port: CounterTransport {
    private let sent: Descriptor
    private let free: Descriptor
    private let liveness: LivenessPipe

    init(sent: consuming Descriptor, free: consuming Descriptor, _ liveness: LivenessPipe)
      throws(ChannelError)
    {
      self.sent = sent
      self.free = free
      self.liveness = liveness
      try translating(.open, mechanism) { () throws(SystemError) in
        try self.sent.setNonblocking(true)
        try self.free.setNonblocking(true)
        try liveness.start {}
      }
    }

    deinit { close() }

    func put(until deadline: Deadline) throws(ChannelError) -> Bool {
      while true {
        if liveness.peersGone { throw .closed(.send, mechanism) }
        if Events.read(free) {
          Events.write(sent)
          return true
        }
        guard try wait(free.raw, .send, until: deadline) else { return false }
      }
    }

    func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
      while true {
        let gone = liveness.peersGone
        if Events.read(sent) {
          Events.write(free)
          return .bytes(0)
        }
        if gone { return .ended }
        guard try wait(sent.raw, .receive, until: deadline) else { return .nothing }
      }
    }

    private func wait(
      _ event: Int32, _ operation: ChannelOperation, until deadline: Deadline
    ) throws(ChannelError) -> Bool {
      if deadline.hasPassed { return false }
      var entries = [PollEntry(event, read: true), PollEntry(liveness.pollable)]
      let ready = try translating(operation, mechanism) { () throws(SystemError) in
        try ppoll(&entries, nanoseconds: deadline.remaining)
      }
      if entries[1].hungUp { liveness.notePeersGone() }
      return ready > 0
    }

    func readiness(toPut: Bool) -> Readiness { .counters([toPut ? free.raw : sent.raw], liveness) }

    func close() { liveness.leave {} }

    func transfer() throws(ChannelError) -> EndpointTransfer {
      EndpointTransfer(descriptors: liveness.descriptors + [sent.raw, free.raw]) {
        self.liveness.surrender()
        return nil
      }
    }
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    do throws(SystemError) {
      let sent = try Events.eventfd(semaphore: true)
      let free = try Events.eventfd(capacity, semaphore: true)
      let sentAgain = try sent.duplicate()
      let freeAgain = try free.duplicate()
      let livenessPipes = try LivenessPipe.pair()
      do throws(ChannelError) {
        return TransportPair(
          CounterSender(mechanism, try Port(sent: sent, free: free, livenessPipes.sender), options),
          CounterReceiver(
            mechanism, try Port(sent: sentAgain, free: freeAgain, livenessPipes.receiver), options))
      } catch {
        throw SystemError(error.errno ?? 0, .eventfd)
      }
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport { throw nameless(address) }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    throw nameless(address)
  }

  private static func nameless(_ address: Address) -> ChannelError {
    ChannelError(
      .notSupported, .open, mechanism,
      "an eventfd has no name: make one with Channel.make and hand an end over, or use semaphore:\(address.target)?type=tokens"
    )
  }

  private static func adopt(_ side: LivenessPipe.Side, _ inherited: InheritedEndpoint) throws(ChannelError)
    -> Port
  {
    try Port(
      sent: Descriptor(owning: try inherited.descriptor(3)),
      free: Descriptor(owning: try inherited.descriptor(4)),
      LivenessPipe(side, inherited, at: 0))
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    CounterSender(mechanism, try adopt(.sender, inherited), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    CounterReceiver(mechanism, try adopt(.receiver, inherited), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [MechanismLimit("tokens on the way", Int(capacity), "count")]
  }
}
