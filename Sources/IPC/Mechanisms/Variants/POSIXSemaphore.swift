import SystemCalls

/// POSIX semaphores (sem_overview(7)): counters in shared memory, over a futex. Tokens; two of them, as with the
/// others: what was sent, and what may still be sent. Without SEM_UNDO: a process killed between the two takes one
/// place with it.
package enum PosixSemaphoreVariant: MechanismImplementation {
  package static let mechanism = Mechanism("posix-semaphore")

  package static let traits = MechanismTraits(
    summary: "counters in shared memory: tokens, without a call while nobody waits",
    addressForm: "posix-semaphore:NAME", systemCalls: ["sem_post", "sem_timedwait (futex to sleep or wake)"],
    carries: .tokens, manySenders: true, manyReceivers: true, coalesces: false,
    caveat: "holds \(capacity) tokens")

  private static let capacity: UInt32 = 32000
  private static let slice: UInt64 = 50_000_000

  private final class Port: CounterTransport, @unchecked Sendable {
    private let segment: Segment
    private let liveness: LivenessPipe
    private let sent: POSIXSemaphore
    private let free: POSIXSemaphore

    init(_ segment: consuming Segment, _ liveness: LivenessPipe) throws(ChannelError) {
      guard unsafe segment.bytes.count >= 4096 else {
        throw .violation(mechanism, "a segment that is too small")
      }
      sent = unsafe POSIXSemaphore(segment.bytes, at: 0)
      free = unsafe POSIXSemaphore(segment.bytes, at: 128)
      self.segment = segment
      self.liveness = liveness
      try translating(.open, mechanism) { () throws(SystemError) in try liveness.start {} }
      liveness.keep(self, parameters)
    }

    deinit { close() }

    private func wait(
      _ semaphore: POSIXSemaphore, until deadline: Deadline, _ operation: ChannelOperation
    ) throws(ChannelError) -> Bool {
      while true {
        let took = try translating(operation, mechanism) { () throws(SystemError) in
          try semaphore.semTimedwait(nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: slice))
        }
        if took { return true }
        if deadline.hasPassed || liveness.peersGone { return false }
      }
    }

    func put(until deadline: Deadline) throws(ChannelError) -> Bool {
      if liveness.peersGone { throw .closed(.send, mechanism) }
      guard try wait(free, until: deadline, .send) else {
        if liveness.peersGone { throw .closed(.send, mechanism) }
        return false
      }
      try translating(.send, mechanism) { () throws(SystemError) in try sent.semPost() }
      return true
    }

    func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
      if try !wait(sent, until: deadline, .receive) {
        guard liveness.peersGone else { return .nothing }
        // Once more, for what the last sender left.
        guard try wait(sent, until: .now, .receive) else { return .ended }
      }
      try translating(.receive, mechanism) { () throws(SystemError) in try free.semPost() }
      return .bytes(0)
    }

    func readiness(toPut: Bool) -> Readiness { .waiting }

    func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool {
      let semaphore = toPut ? free : sent
      let found = try? wait(semaphore, until: deadline, .wait)
      // It has no way to look without taking: what was taken goes back.
      if found == true { try? semaphore.semPost() }
      return found ?? true || liveness.peersGone
    }

    func close() { liveness.leave(self, parameters) }

    private var parameters: [(key: String, value: String)] { [("segment", String(segment.id))] }

    func transfer() throws(ChannelError) -> EndpointTransfer {
      if !liveness.isAnonymous { throw .named(mechanism) }
      return EndpointTransfer(parameters: parameters, descriptors: liveness.descriptors) {
        self.liveness.surrender(self, self.parameters)
      }
    }
  }

  private static func create() throws(ChannelError) -> [String: String] {
    try translating(.open, mechanism) { () throws(SystemError) in
      let segment = try Segment(shmget: 4096)
      try unsafe POSIXSemaphore(segment.bytes, at: 0).semInit(0)
      try unsafe POSIXSemaphore(segment.bytes, at: 128).semInit(capacity)
      return ["segment": String(segment.id)]
    }
  }

  private static func port(_ parameters: [String: String], _ liveness: LivenessPipe) throws(ChannelError)
    -> Port
  {
    let id = parameters["segment"].flatMap { Int32($0) } ?? -1
    let segment = try translating(.open, mechanism) { () throws(SystemError) in try Segment(shmat: id) }
    guard let segment else { throw .foreign(mechanism, "segment \(id)") }
    return try Port(segment, liveness)
  }

  private static var rules: RegistryEntry.Rules {
    RegistryEntry.Rules(manySenders: true, manyReceivers: true) { () throws(ChannelError) in
      try create()
    } remove: {
      ResourceCleaner.remove($0)
    }
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let parameters = try create()
    do throws(ChannelError) {
      let livenessPipes = try translating(.open, mechanism) { () throws(SystemError) in
        try LivenessPipe.pair()
      }
      return TransportPair(
        CounterSender(mechanism, try port(parameters, livenessPipes.sender), options),
        CounterReceiver(mechanism, try port(parameters, livenessPipes.receiver), options))
    } catch {
      ResourceCleaner.remove(parameters)
      throw error
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let (record, liveness) = try RegistryEntry.joinSending(mechanism, address.target, rules, until: deadline)
    return CounterSender(mechanism, try port(record.parameters, liveness), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let (record, liveness) = try RegistryEntry.joinReceiving(mechanism, address.target, rules)
    return CounterReceiver(mechanism, try port(record.parameters, liveness), address.options)
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    CounterSender(
      mechanism, try port(inherited.parameters, LivenessPipe(.sender, inherited, at: 0)), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    CounterReceiver(
      mechanism, try port(inherited.parameters, LivenessPipe(.receiver, inherited, at: 0)), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [MechanismLimit("tokens on the way", Int(capacity), "count")]
  }
}
