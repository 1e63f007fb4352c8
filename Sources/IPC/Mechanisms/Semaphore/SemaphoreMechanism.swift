import SystemCalls

/// System V semaphores (semget(2), semop(2)): a bounded buffer in a segment that they guard, for messages; or
/// tokens alone (`?type=tokens`).
package enum SemaphoreMechanism: MechanismImplementation {
  package static let mechanism = Mechanism.semaphore

  package static let traits = MechanismTraits(
    summary:
      "the classic bounded buffer: slots in a segment, counted and guarded by semaphores; ?type=tokens counts alone",
    addressForm: "semaphore:NAME", systemCalls: ["semget", "semop", "shmget"],
    manySenders: true, manyReceivers: true,
    caveat: "two calls per message each side; every process that uses one takes an undo entry of kernel.sem's"
  )

  private static let defaultSlots = 64

  private static func wantsTokens(_ options: ChannelOptions) throws(ChannelError) -> Bool {
    switch options.type {
    case nil, "messages": return false
    case "tokens": return true
    case .some(let other):
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "no type \"\(other)\" of semaphore: write type=messages or type=tokens")
    }
  }

  private static func slots(_ options: ChannelOptions) throws(ChannelError) -> Int {
    guard let bytes = options.capacityBytes else { return defaultSlots }
    guard bytes <= 16384 * BoundedBuffer.slotBytes else {
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "a buffer holds at most 64 MiB (16384 slots of \(BoundedBuffer.slotBytes) bytes): ask for less")
    }
    return max(2, (bytes + BoundedBuffer.slotBytes - 1) / BoundedBuffer.slotBytes)
  }

  /// Makes the kernel's objects, and says where they are.
  private static func create(_ options: ChannelOptions) throws(ChannelError) -> [String: String] {
    ResourceCleaner.prepare()
    do throws(SystemError) {
      if options.type == "tokens" {
        let set = try Semaphores.semget([UInt16(SemaphoreTokens.capacity), 0])
        return ["set": String(set)]
      }
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
    let slots = try slots(options)
    do throws(SystemError) {
      let segment = try Segment(shmget: BoundedBuffer.segmentBytes(slots: slots))
      do throws(SystemError) {
        let set = try Semaphores.semget(BoundedBuffer.values(slots: slots))
        return ["set": String(set), "segment": String(segment.id), "slots": String(slots)]
      } catch {
        try? Segment.shmctl(remove: segment.id)
        throw error
      }
    } catch {
      throw ChannelError(error, .open, mechanism)
    }
  }

  private static func integer(_ parameters: [String: String], _ key: String) throws(ChannelError) -> Int {
    guard let value = parameters[key].flatMap({ Int($0) }) else {
      throw ChannelError(
        .wrongKind, .open, mechanism,
        "this name has no \(key): it was opened with another type (messages or tokens); use the same on both sides"
      )
    }
    return value
  }

  private static func buffer(
    _ parameters: [String: String], _ liveness: LivenessPipe
  ) throws(ChannelError) -> BoundedBuffer {
    let id = Int32(clamping: try integer(parameters, "segment"))
    let segment = try translating(.open, mechanism) { () throws(SystemError) in try Segment(shmat: id) }
    guard let segment else { throw .foreign(mechanism, "segment \(id)") }
    return try BoundedBuffer(
      set: Int32(clamping: try integer(parameters, "set")), slots: try integer(parameters, "slots"),
      segment: segment, liveness: liveness)
  }

  private static func sender(
    _ parameters: [String: String], _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any SenderTransport {
    if try wantsTokens(options) {
      let tokens = try SemaphoreTokens(
        set: Int32(clamping: try integer(parameters, "set")), liveness: liveness)
      return CounterSender(mechanism, tokens, options)
    }
    return FramedSender(mechanism, BoundedBufferSink(try buffer(parameters, liveness)), options)
  }

  private static func receiver(
    _ parameters: [String: String], _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport {
    if try wantsTokens(options) {
      let tokens = try SemaphoreTokens(
        set: Int32(clamping: try integer(parameters, "set")), liveness: liveness)
      return CounterReceiver(mechanism, tokens, options)
    }
    return FramedReceiver(mechanism, BoundedBufferSource(try buffer(parameters, liveness)), options)
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    _ = try wantsTokens(options)
    let parameters = try create(options)
    do throws(ChannelError) {
      let livenessPipes = try translating(.open, mechanism) { () throws(SystemError) in
        try LivenessPipe.pair()
      }
      return TransportPair(
        try sender(parameters, livenessPipes.sender, options),
        try receiver(parameters, livenessPipes.receiver, options))
    } catch {
      ResourceCleaner.remove(parameters)
      throw error
    }
  }

  private static func rules(_ options: ChannelOptions) -> RegistryEntry.Rules {
    RegistryEntry.Rules(manySenders: true, manyReceivers: true) { () throws(ChannelError) in
      try create(options)
    } remove: {
      ResourceCleaner.remove($0)
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    _ = try wantsTokens(address.options)
    let (record, liveness) = try RegistryEntry.joinSending(
      mechanism, address.target, rules(address.options), until: deadline)
    return try sender(record.parameters, liveness, address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    _ = try wantsTokens(address.options)
    let (record, liveness) = try RegistryEntry.joinReceiving(
      mechanism, address.target, rules(address.options))
    return try receiver(record.parameters, liveness, address.options)
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    try sender(inherited.parameters, LivenessPipe(.sender, inherited, at: 0), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    try receiver(inherited.parameters, LivenessPipe(.receiver, inherited, at: 0), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("kernel.sem SEMMNI", KernelLimit.number("kernel/sem", 3), "sets"),
      MechanismLimit("SEMVMX", 32767, "count"),
      MechanismLimit("kernel.shmmax", KernelLimit.number("kernel/shmmax"), "bytes"),
    ]
  }
}
