import SystemCalls

/// POSIX message queues: mq_open(3). Like the System V ones, with a descriptor that can be polled.
package enum PosixQueueVariant: MechanismImplementation {
  package static let mechanism = Mechanism("posix-queue")

  package static let traits = MechanismTraits(
    summary: "the other message queue of the kernel: no types, but a descriptor that poll(2) knows",
    addressForm: "posix-queue:NAME", systemCalls: ["mq_open", "mq_timedsend", "mq_timedreceive", "poll"],
    manySenders: true, manyReceivers: false,
    caveat: "holds fs.mqueue.msg_max messages; all of a user's queues share ulimit -q bytes")

  /// The queue of one end, with its liveness.
  private final class Port: ByteWriter, ByteReader {
    private let queue: Descriptor
    private let liveness: LivenessPipe
    private let name: String?
    private let scratch: ByteBuffer
    let unitBytes: Int
    let isStream = false
    let partsInterleave = true

    init(_ queue: consuming Descriptor, _ liveness: LivenessPipe, name: String? = nil) throws(ChannelError) {
      do throws(SystemError) {
        unitBytes = try POSIXQueues.mqGetattr(queue)
      } catch {
        throw ChannelError(error, .open, mechanism)
      }
      self.queue = queue
      self.liveness = liveness
      self.name = name
      scratch = ByteBuffer(capacity: unitBytes)
      try translating(.open, mechanism) { () throws(SystemError) in try liveness.start {} }
    }

    deinit { close() }

    func write(
      _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ position: PartPosition,
      until deadline: Deadline
    ) throws(ChannelError) -> Int {
      scratch.removeAll()
      unsafe scratch.append(head)
      unsafe scratch.append(body)
      while true {
        if liveness.peersGone { throw .closed(.send, mechanism) }
        let sent = try translating(.send, mechanism) { () throws(SystemError) in
          unsafe try POSIXQueues.mqSend(queue.raw, scratch.bytes)
        }
        if sent { return scratch.count }
        guard try wait(.send, until: deadline) else { return 0 }
      }
    }

    func read(
      into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
    ) throws(ChannelError) -> ReadOutcome {
      while true {
        let gone = liveness.peersGone
        let count = try translating(.receive, mechanism) { () throws(SystemError) in
          unsafe try POSIXQueues.mqReceive(queue.raw, into: buffer)
        }
        if let count { return .bytes(count) }
        if gone { return .ended }
        guard try wait(.receive, until: deadline) else { return .nothing }
      }
    }

    /// Waits for the queue or for the other side's end.
    private func wait(_ operation: ChannelOperation, until deadline: Deadline) throws(ChannelError) -> Bool {
      if deadline.hasPassed { return false }
      var entries = [
        PollEntry(queue.raw, read: operation == .receive, write: operation == .send),
        PollEntry(liveness.pollable),
      ]
      let ready = try translating(operation, mechanism) { () throws(SystemError) in
        try ppoll(&entries, nanoseconds: deadline.remaining)
      }
      // The hang-up is seen here before the monitor's thread has said so.
      if entries[1].hungUp { liveness.notePeersGone() }
      return ready > 0
    }

    var readiness: Readiness { .descriptors([queue.raw], liveness) }

    func close() {
      liveness.leave { if let name { try? POSIXQueues.mqUnlink(name) } }
    }

    func transfer() throws(ChannelError) -> EndpointTransfer {
      if !liveness.isAnonymous { throw .named(mechanism) }
      return EndpointTransfer(descriptors: liveness.descriptors + [queue.raw]) {
        self.liveness.surrender()
        return nil
      }
    }
  }

  private static func create() throws(ChannelError) -> (name: String, queue: Int32) {
    let name = "/swift-ipc-\(UInt64.random(in: 0 ... .max))"
    let size = min(8192, KernelLimit.number("fs/mqueue/msgsize_max"))
    let messages = min(10, KernelLimit.number("fs/mqueue/msg_max"))
    let queue = try translating(.open, mechanism) { () throws(SystemError) in
      try POSIXQueues.mqOpen(creating: name, messages: messages, size: size).release()
    }
    return (name, queue)
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    let (name, raw) = try create()
    // Without its name it goes with its last descriptor.
    try? POSIXQueues.mqUnlink(name)
    let queue = Descriptor(owning: raw)
    let second = try translating(.open, mechanism) { () throws(SystemError) in try queue.duplicate() }
    let livenessPipes = try translating(.open, mechanism) { () throws(SystemError) in try LivenessPipe.pair()
    }
    return TransportPair(
      FramedSender(mechanism, try Port(queue, livenessPipes.sender), options),
      FramedReceiver(mechanism, try Port(second, livenessPipes.receiver), options))
  }

  private static var rules: RegistryEntry.Rules {
    RegistryEntry.Rules(manySenders: true, manyReceivers: false) { () throws(ChannelError) in
      let (name, raw) = try create()
      _ = Descriptor(owning: raw)
      return ["name": name]
    } remove: { parameters in
      if let name = parameters["name"] { try? POSIXQueues.mqUnlink(name) }
    }
  }

  private static func port(_ record: RegistryEntry, _ liveness: LivenessPipe) throws(ChannelError) -> Port {
    let name = record.parameters["name"] ?? ""
    let raw = try translating(.open, mechanism, name) { () throws(SystemError) in
      try POSIXQueues.mqOpen(name).release()
    }
    return try Port(Descriptor(owning: raw), liveness, name: name)
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let (record, liveness) = try RegistryEntry.joinSending(mechanism, address.target, rules, until: deadline)
    return FramedSender(mechanism, try port(record, liveness), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let (record, liveness) = try RegistryEntry.joinReceiving(mechanism, address.target, rules)
    return FramedReceiver(mechanism, try port(record, liveness), address.options)
  }

  private static func adopt(_ side: LivenessPipe.Side, _ inherited: InheritedEndpoint) throws(ChannelError)
    -> Port
  {
    try Port(Descriptor(owning: try inherited.descriptor(3)), LivenessPipe(side, inherited, at: 0))
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    FramedSender(mechanism, try adopt(.sender, inherited), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    FramedReceiver(mechanism, try adopt(.receiver, inherited), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("fs.mqueue.msg_max", KernelLimit.number("fs/mqueue/msg_max"), "messages"),
      MechanismLimit("fs.mqueue.msgsize_max", KernelLimit.number("fs/mqueue/msgsize_max"), "bytes"),
    ]
  }
}
