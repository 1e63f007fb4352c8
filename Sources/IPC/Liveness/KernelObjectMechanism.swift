import SystemCalls

/// A mechanism whose channel lies in kernel objects that outlive processes and that every endpoint finds by their ids:
/// in the registry entry of a channel with a name, in the transfer of a passed endpoint.
///
/// A mechanism says how to create the objects and how to use them; making a channel, joining one by its name, and
/// taking over a passed endpoint follow.
protocol KernelObjectMechanism: MechanismImplementation {
  /// Creates the objects, each with this System V key.
  static func create(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> CreatedObjects
  /// A sender over existing objects.
  static func sender(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any SenderTransport
  /// A receiver over existing objects.
  static func receiver(
    _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
  ) throws(ChannelError) -> any ReceiverTransport

  /// Whether a name may have several receivers.
  static func sharesReceiving(_ options: ChannelOptions) -> Bool
  /// Whether the kernel removes the segment of a channel without a name with its last attachment: it is marked for that as
  /// soon as it is attached.
  static var isRemovedByKernel: Bool { get }
}

extension KernelObjectMechanism {
  static func sharesReceiving(_ options: ChannelOptions) -> Bool { traits.manyReceivers }
  static var isRemovedByKernel: Bool { false }

  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    ResourceCleaner.prepare()
    return try ResourceCleaner.making { () throws(ChannelError) in try make(options) }
  }

  private static func make(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let entry = AnonymousEntry.begin(mechanism)
    do throws(ChannelError) {
      let key = entry?.key ?? SystemVObject.newKey()
      let created = try create(options, key)
      let ids = KernelObjectIDs(mechanism, record(created.ids, key, entry))
      do throws(ChannelError) {
        let pipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair() }
        let pair = TransportPair(
          try sender(ids, pipes.sender, options), try receiver(ids, pipes.receiver, options))
        // Attached until the endpoints have it attached; locked until they are open.
        withExtendedLifetime((created, entry)) {}
        return pair
      } catch {
        ResourceCleaner.remove(ids.values)
        throw error
      }
    } catch {
      entry?.remove()
      throw error
    }
  }

  /// - Returns: the ids, with the key that the objects have now.
  private static func record(
    _ ids: [String: String], _ key: Int32, _ entry: AnonymousEntry?
  ) -> [String: String] {
    if isRemovedByKernel, let id = KernelObjects.id(.segment, ids),
      (try? Segment.shmctl(remove: id)) != nil
    {
      entry?.remove()
      return ids.merging([KernelObjects.systemKey: "0"]) { $1 }
    }
    entry?.record(ids)
    return ids.merging([KernelObjects.systemKey: String(key)]) { $1 }
  }

  static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let (entry, liveness) = try RegistryEntry.joinSending(
      mechanism, address.target, sharesSending: traits.manySenders, type: address.options.messageType,
      until: deadline)
    return try liveness.leavingIfItFails(entry) { () throws(ChannelError) in
      try sender(KernelObjectIDs(mechanism, entry.ids), liveness, address.options)
    }
  }

  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    try ResourceCleaner.making { () throws(ChannelError) in try join(address) }
  }

  private static func join(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let options = address.options
    let (entry, liveness) = try RegistryEntry.joinReceiving(
      mechanism, address.target, sharesReceiving: sharesReceiving(options), type: options.messageType
    ) { key throws(ChannelError) in
      ResourceCleaner.prepare()
      return try create(options, key).ids
    }
    return try liveness.leavingIfItFails(entry) { () throws(ChannelError) in
      try receiver(KernelObjectIDs(mechanism, entry.ids), liveness, options)
    }
  }

  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport {
    try KernelObjects.check(inherited.parameters, mechanism, "")
    return try sender(
      KernelObjectIDs(mechanism, inherited.parameters), LivenessPipe(.sender, inherited), inherited.options)
  }

  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport {
    try KernelObjects.check(inherited.parameters, mechanism, "")
    return try receiver(
      KernelObjectIDs(mechanism, inherited.parameters), LivenessPipe(.receiver, inherited), inherited.options)
  }
}

/// The objects of a new channel.
struct CreatedObjects {
  /// By ``KernelObjects/Kind``, and what else the endpoints need to know.
  let ids: [String: String]
  /// Keeps the segment attached until the endpoints have it attached.
  private let segment: AttachedSegment?

  init(_ ids: [String: String], keeping segment: AttachedSegment? = nil) {
    self.ids = ids
    self.segment = segment
  }
}

/// The ids of a channel's kernel objects, as a registry entry or a transfer has them.
struct KernelObjectIDs {
  let mechanism: Mechanism
  let values: [String: String]

  init(_ mechanism: Mechanism, _ values: [String: String]) {
    self.mechanism = mechanism
    self.values = values
  }

  /// What tells the objects from others that have their ids by now, as a transfer passes it on.
  var identity: [(key: String, value: String)] {
    values[KernelObjects.systemKey].map { [(KernelObjects.systemKey, $0)] } ?? []
  }

  /// The id of a System V object.
  func id(_ key: String) throws(ChannelError) -> Int32 { try number(key) }

  /// - Parameter code: of the error if the channel has no such number.
  func number<Value: FixedWidthInteger>(
    _ key: String, else code: ChannelError.Code = .system
  ) throws(ChannelError) -> Value {
    guard let value = values[key].flatMap({ Value($0) }) else {
      throw ChannelError(
        code, .open, mechanism,
        "the record of this channel has no \(key): open it with the same ?type= and the same version in both processes, or remove the name if no process uses it"
      )
    }
    return value
  }

  /// Attaches the System V segment with this key: shmat(2).
  func attach(_ key: String, atLeast bytes: Int) throws(ChannelError) -> AttachedSegment {
    let id = try id(key)
    let segment = try translating(.open, mechanism) { () throws(SystemError) in
      try AttachedSegment(shmat: id)
    }
    guard let segment else { throw .foreign(mechanism, "segment \(id)") }
    guard unsafe segment.segment.bytes.count >= bytes else {
      throw ChannelError(
        .system, .open, mechanism,
        "segment \(id) has fewer than \(bytes) bytes: remove the name if no process uses it")
    }
    return segment
  }
}
