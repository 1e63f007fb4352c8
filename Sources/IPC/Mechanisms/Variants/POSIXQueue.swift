import SystemCalls

/// POSIX message queues: mq_open(3). Like the System V ones, with a descriptor that can be polled.
package enum PosixQueueVariant: MechanismImplementation {
  package static let mechanism = Mechanism("posix-queue")

  package static let traits = MechanismTraits(
    summary: "the other message queue of the kernel: no types, but a descriptor that poll(2) knows",
    addressForm: "posix-queue:NAME", systemCalls: ["mq_open", "mq_timedsend", "mq_timedreceive", "poll"],
    manySenders: true, manyReceivers: false,
    caveat: "holds fs.mqueue.msg_max messages; all of a user's queues share ulimit -q bytes")

  /// The queue of one end, with its lifeline.
  private final class Port: ByteSink, ByteSource {
    private let queue: Descriptor
    private let lifeline: Lifeline
    private let name: String?
    private let scratch: ByteBuffer
    let unitBytes: Int
    let isStream = false
    let partsInterleave = true

    init(_ queue: consuming Descriptor, _ lifeline: Lifeline, name: String? = nil) throws(ChannelError) {
      do throws(SystemError) {
        unitBytes = try PosixQueues.messageSize(queue)
      } catch {
        throw ChannelError(error, .open, mechanism)
      }
      self.queue = queue
      self.lifeline = lifeline
      self.name = name
      scratch = ByteBuffer(capacity: unitBytes)
      try translating(.open, mechanism) { () throws(SystemError) in try lifeline.start {} }
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
        if lifeline.peersGone { throw .closed(.send, mechanism) }
        let sent = try translating(.send, mechanism) { () throws(SystemError) in
          unsafe try PosixQueues.trySend(queue.raw, scratch.bytes)
        }
        if sent { return scratch.count }
        guard try wait(.send, until: deadline) else { return 0 }
      }
    }

    func read(
      into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
    ) throws(ChannelError) -> ReadOutcome {
      while true {
        let gone = lifeline.peersGone
        let count = try translating(.receive, mechanism) { () throws(SystemError) in
          unsafe try PosixQueues.tryReceive(queue.raw, into: buffer)
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
        PollEntry(lifeline.pollable),
      ]
      let ready = try translating(operation, mechanism) { () throws(SystemError) in
        try poll(&entries, nanoseconds: deadline.remaining)
      }
      // The hang-up is seen here before the monitor's thread has said so.
      if entries[1].hungUp { lifeline.notePeersGone() }
      return ready > 0
    }

    var readiness: Readiness { .descriptors([queue.raw], lifeline) }

    func close() {
      lifeline.leave { if let name { try? PosixQueues.unlink(name) } }
    }

    func handOver() throws(ChannelError) -> Handover {
      if !lifeline.isAnonymous { throw .named(mechanism) }
      return Handover(descriptors: lifeline.descriptors + [queue.raw]) {
        self.lifeline.surrender()
        return nil
      }
    }
  }

  private static func create() throws(ChannelError) -> (name: String, queue: Int32) {
    let name = "/swift-ipc-\(UInt64.random(in: 0 ... .max))"
    let size = min(8192, KernelLimit.number("fs/mqueue/msgsize_max"))
    let messages = min(10, KernelLimit.number("fs/mqueue/msg_max"))
    let queue = try translating(.open, mechanism) { () throws(SystemError) in
      try PosixQueues.create(name, messages: messages, size: size).release()
    }
    return (name, queue)
  }

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> EndPair {
    let (name, raw) = try create()
    // Without its name it goes with its last descriptor.
    try? PosixQueues.unlink(name)
    let queue = Descriptor(owning: raw)
    let second = try translating(.open, mechanism) { () throws(SystemError) in try queue.duplicate() }
    let lifelines = try translating(.open, mechanism) { () throws(SystemError) in try Lifeline.pair() }
    return EndPair(
      FramedSender(mechanism, try Port(queue, lifelines.sender), options),
      FramedReceiver(mechanism, try Port(second, lifelines.receiver), options))
  }

  private static var rules: NameRecord.Rules {
    NameRecord.Rules(manySenders: true, manyReceivers: false) { () throws(ChannelError) in
      let (name, raw) = try create()
      _ = Descriptor(owning: raw)
      return ["name": name]
    } remove: { parameters in
      if let name = parameters["name"] { try? PosixQueues.unlink(name) }
    }
  }

  private static func port(_ record: NameRecord, _ lifeline: Lifeline) throws(ChannelError) -> Port {
    let name = record.parameters["name"] ?? ""
    let raw = try translating(.open, mechanism, name) { () throws(SystemError) in
      try PosixQueues.open(name).release()
    }
    return try Port(Descriptor(owning: raw), lifeline, name: name)
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SendingEnd {
    let (record, lifeline) = try NameRecord.joinSending(mechanism, address.target, rules, until: deadline)
    return FramedSender(mechanism, try port(record, lifeline), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceivingEnd {
    let (record, lifeline) = try NameRecord.joinReceiving(mechanism, address.target, rules)
    return FramedReceiver(mechanism, try port(record, lifeline), address.options)
  }

  private static func adopt(_ side: Lifeline.Side, _ inherited: InheritedEnd) throws(ChannelError) -> Port {
    try Port(Descriptor(owning: try inherited.descriptor(3)), Lifeline(side, inherited, at: 0))
  }

  package static func adoptSender(_ inherited: InheritedEnd) throws(ChannelError) -> any SendingEnd {
    FramedSender(mechanism, try adopt(.sender, inherited), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEnd) throws(ChannelError) -> any ReceivingEnd {
    FramedReceiver(mechanism, try adopt(.receiver, inherited), inherited.options)
  }

  package static func limits() -> [MechanismLimit] {
    [
      MechanismLimit("fs.mqueue.msg_max", KernelLimit.number("fs/mqueue/msg_max"), "messages"),
      MechanismLimit("fs.mqueue.msgsize_max", KernelLimit.number("fs/mqueue/msgsize_max"), "bytes"),
    ]
  }
}
