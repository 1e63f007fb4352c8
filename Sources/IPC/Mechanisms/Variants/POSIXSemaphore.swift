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

  private final class Port: TokenPort, @unchecked Sendable {
    private let segment: Segment
    private let lifeline: Lifeline
    private let sent: PosixSemaphore
    private let free: PosixSemaphore

    init(_ segment: consuming Segment, _ lifeline: Lifeline) throws(ChannelError) {
      guard unsafe segment.bytes.count >= 4096 else {
        throw .violation(mechanism, "a segment that is too small")
      }
      sent = unsafe PosixSemaphore(segment.bytes, at: 0)
      free = unsafe PosixSemaphore(segment.bytes, at: 128)
      self.segment = segment
      self.lifeline = lifeline
      try translating(.open, mechanism) { () throws(SystemError) in try lifeline.start {} }
      lifeline.keep(self, parameters)
    }

    deinit { close() }

    private func wait(
      _ semaphore: PosixSemaphore, until deadline: Deadline, _ operation: ChannelOperation
    ) throws(ChannelError) -> Bool {
      while true {
        let took = try translating(operation, mechanism) { () throws(SystemError) in
          try semaphore.wait(nanoseconds: deadline.isNow ? 0 : deadline.remaining(atMost: slice))
        }
        if took { return true }
        if deadline.hasPassed || lifeline.peersGone { return false }
      }
    }

    func put(until deadline: Deadline) throws(ChannelError) -> Bool {
      if lifeline.peersGone { throw .closed(.send, mechanism) }
      guard try wait(free, until: deadline, .send) else {
        if lifeline.peersGone { throw .closed(.send, mechanism) }
        return false
      }
      try translating(.send, mechanism) { () throws(SystemError) in try sent.post() }
      return true
    }

    func take(until deadline: Deadline) throws(ChannelError) -> ReadOutcome {
      if try !wait(sent, until: deadline, .receive) {
        guard lifeline.peersGone else { return .nothing }
        // Once more, for what the last sender left.
        guard try wait(sent, until: .now, .receive) else { return .ended }
      }
      try translating(.receive, mechanism) { () throws(SystemError) in try free.post() }
      return .bytes(0)
    }

    func readiness(toPut: Bool) -> Readiness { .waiting }

    func waitUntilReady(toPut: Bool, until deadline: Deadline) -> Bool {
      let semaphore = toPut ? free : sent
      let found = try? wait(semaphore, until: deadline, .wait)
      // It has no way to look without taking: what was taken goes back.
      if found == true { try? semaphore.post() }
      return found ?? true || lifeline.peersGone
    }

    func close() { lifeline.leave(self, parameters) }

    private var parameters: [(key: String, value: String)] { [("segment", String(segment.id))] }

    func handOver() throws(ChannelError) -> Handover {
      if !lifeline.isAnonymous { throw .named(mechanism) }
      return Handover(parameters: parameters, descriptors: lifeline.descriptors) {
        self.lifeline.surrender(self, self.parameters)
      }
    }
  }

  private static func create() throws(ChannelError) -> [String: String] {
    try translating(.open, mechanism) { () throws(SystemError) in
      let segment = try Segment(creating: 4096)
      try unsafe PosixSemaphore(segment.bytes, at: 0).initialize(0)
      try unsafe PosixSemaphore(segment.bytes, at: 128).initialize(capacity)
      return ["segment": String(segment.id)]
    }
  }

  private static func port(_ parameters: [String: String], _ lifeline: Lifeline) throws(ChannelError) -> Port
  {
    do throws(SystemError) {
      let segment = try Segment(attaching: parameters["segment"].flatMap { Int32($0) } ?? -1)
      do throws(ChannelError) {
        return try Port(segment, lifeline)
      } catch {
        throw SystemError(error.errno ?? 22, .shmat)
      }
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
  }

  private static var rules: NameRecord.Rules {
    NameRecord.Rules(manySenders: true, manyReceivers: true) { () throws(ChannelError) in
      try create()
    } remove: {
      Leftovers.remove($0)
    }
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> EndPair {
    let parameters = try create()
    do throws(ChannelError) {
      let lifelines = try translating(.open, mechanism) { () throws(SystemError) in try Lifeline.pair() }
      return EndPair(
        TokenSender(mechanism, try port(parameters, lifelines.sender), options),
        TokenReceiver(mechanism, try port(parameters, lifelines.receiver), options))
    } catch {
      Leftovers.remove(parameters)
      throw error
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SendingEnd {
    let (record, lifeline) = try NameRecord.joinSending(mechanism, address.target, rules, until: deadline)
    return TokenSender(mechanism, try port(record.parameters, lifeline), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceivingEnd {
    let (record, lifeline) = try NameRecord.joinReceiving(mechanism, address.target, rules)
    return TokenReceiver(mechanism, try port(record.parameters, lifeline), address.options)
  }

  package static func adoptSender(_ inherited: InheritedEnd) throws(ChannelError) -> any SendingEnd {
    TokenSender(
      mechanism, try port(inherited.parameters, Lifeline(.sender, inherited, at: 0)), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEnd) throws(ChannelError) -> any ReceivingEnd {
    TokenReceiver(
      mechanism, try port(inherited.parameters, Lifeline(.receiver, inherited, at: 0)), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [MechanismLimit("tokens on the way", Int(capacity), "count")]
  }
}
