import SystemCalls

/// System V shared memory (shmget(2), shmat(2)) with a lock-free ring in it, and futex(2) to sleep. No peer can
/// truncate such a segment, and once marked for removal it goes with its last user.
package enum MemoryMechanism: MechanismImplementation {
  package static let mechanism = Mechanism.memory

  package static let traits = MechanismTraits(
    summary: "a lock-free ring that one process writes and another reads in place; no call per message",
    addressForm: "memory:NAME", systemCalls: ["shmget", "shmat", "futex (only to sleep or wake)"],
    manySenders: false, manyReceivers: false,
    caveat: "one sender and one receiver; a hostile sender can change a message while it is read")

  private static let defaultCapacity = 1 << 20

  /// Owns a segment for as long as a ring in it is used.
  private final class Hold: @unchecked Sendable {
    let segment: Segment
    init(_ segment: consuming Segment) { self.segment = segment }
  }

  private static func capacity(_ options: ChannelOptions) -> Int {
    Ring.capacity(for: options.capacityBytes ?? defaultCapacity)
  }

  private static func create(_ options: ChannelOptions) throws(ChannelError) -> Hold {
    let capacity = capacity(options)
    do throws(SystemError) {
      let hold = Hold(try Segment(shmget: Ring.bytes(capacity: capacity)))
      unsafe Ring.format(hold.segment.bytes, capacity: capacity)
      return hold
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
  }

  private static func link(_ hold: Hold, _ liveness: LivenessPipe) throws(ChannelError) -> RingLink {
    let id = hold.segment.id
    guard let ring = unsafe Ring(hold.segment.bytes) else {
      throw .violation(mechanism, "segment \(id) holds no ring")
    }
    return try RingLink(mechanism, ring, liveness, keep: hold, parameters: [("segment", String(id))])
  }

  private static func attach(_ id: Int) throws(ChannelError) -> Hold {
    let segment = try translating(.open, mechanism) { () throws(SystemError) in
      try Segment(shmat: Int32(clamping: id))
    }
    guard let segment else { throw .foreign(mechanism, "segment \(id)") }
    return Hold(segment)
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let hold = try create(options)
    let id = hold.segment.id
    do throws(ChannelError) {
      let livenessPipes = try translating(.open, mechanism) { () throws(SystemError) in
        try LivenessPipe.pair()
      }
      let pair = TransportPair(
        try RingSender(try link(hold, livenessPipes.sender), options),
        try RingReceiver(try link(try attach(Int(id)), livenessPipes.receiver), options))
      // From here it goes with its last user, even if all of them are killed. Linux still lets a process attach
      // a marked segment by its id while somebody has it, and the parent keeps it while its children live.
      try? Segment.shmctl(remove: id)
      return pair
    } catch {
      try? Segment.shmctl(remove: id)
      throw error
    }
  }

  private static func rules(_ options: ChannelOptions) -> RegistryEntry.Rules {
    RegistryEntry.Rules(manySenders: false, manyReceivers: false) { () throws(ChannelError) in
      ["segment": String(try create(options).segment.id)]
    } remove: {
      ResourceCleaner.remove($0)
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let (record, liveness) = try RegistryEntry.joinSending(
      mechanism, address.target, rules(address.options), until: deadline)
    return try RingSender(try link(try attach(try record.integer("segment")), liveness), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let (record, liveness) = try RegistryEntry.joinReceiving(
      mechanism, address.target, rules(address.options))
    return try RingReceiver(try link(try attach(try record.integer("segment")), liveness), address.options)
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    let hold = try attach(try inherited.integer("segment"))
    return try RingSender(try link(hold, LivenessPipe(.sender, inherited, at: 0)), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    let hold = try attach(try inherited.integer("segment"))
    return try RingReceiver(try link(hold, LivenessPipe(.receiver, inherited, at: 0)), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.shmmax", KernelLimit.number("kernel/shmmax"), "bytes"),
      MechanismLimit("kernel.shmmni", KernelLimit.number("kernel/shmmni"), "segments"),
    ]
  }
}
