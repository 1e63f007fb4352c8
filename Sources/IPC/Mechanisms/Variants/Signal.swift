import SystemCalls

/// Realtime signals: each carries an int, so a message is exactly four bytes. A thread of the receiver's takes them
/// with sigwaitinfo(2) and passes them on through a pipe; the sender takes a credit before each, so that neither the
/// kernel's limit nor the pipe overflows. Which thread it is, stands in a small segment.
package enum SignalVariant: MechanismImplementation {
  package static let mechanism = Mechanism("signal")

  package static let traits = MechanismTraits(
    summary: "realtime signals: an int of four bytes each", addressForm: "signal:NAME",
    systemCalls: ["rt_tgsigqueueinfo (sigqueue)", "sigwaitinfo", "read"], carries: .integers,
    manySenders: true, manyReceivers: false, coalesces: false,
    caveat: "\(credits) on their way at most, within ulimit -i of the receiver's user")

  static let credits = 1024

  private static func create() throws(ChannelError) -> [String: String] {
    try translating(.open, mechanism) { () throws(SystemError) in
      let segment = try Segment(shmget: 4096)
      unsafe SharedCounter(segment.bytes, at: SignalLink.creditsOffset).store(UInt64(credits))
      return ["segment": String(segment.id)]
    }
  }

  private static func link(_ parameters: [String: String], _ liveness: LivenessPipe) throws(ChannelError)
    -> SignalLink
  {
    let id = parameters["segment"].flatMap { Int32($0) } ?? -1
    let segment = try translating(.open, mechanism) { () throws(SystemError) in try Segment(shmat: id) }
    guard let segment else { throw .foreign(mechanism, "segment \(id)") }
    return try SignalLink(segment, liveness)
  }

  private static var rules: RegistryEntry.Rules {
    RegistryEntry.Rules(manySenders: true, manyReceivers: false) { () throws(ChannelError) in
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
      let receiver = SignalReceiver(try link(parameters, livenessPipes.receiver), options)
      try receiver.listen()
      return TransportPair(SignalSender(try link(parameters, livenessPipes.sender), options), receiver)
    } catch {
      ResourceCleaner.remove(parameters)
      throw error
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    let (record, liveness) = try RegistryEntry.joinSending(mechanism, address.target, rules, until: deadline)
    return SignalSender(try link(record.parameters, liveness), address.options)
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    let (record, liveness) = try RegistryEntry.joinReceiving(mechanism, address.target, rules)
    let receiver = SignalReceiver(try link(record.parameters, liveness), address.options)
    try receiver.listen()
    return receiver
  }

  package static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  {
    SignalSender(try link(inherited.parameters, LivenessPipe(.sender, inherited, at: 0)), inherited.options)
  }

  package static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError)
    -> any ReceiverTransport
  {
    let receiver = SignalReceiver(
      try link(inherited.parameters, LivenessPipe(.receiver, inherited, at: 0)), inherited.options)
    try receiver.listen()
    return receiver
  }

  package static func limits() -> [MechanismLimit] {
    [MechanismLimit("signals on their way", credits, "count")]
  }
}

/// One end's hold on a signal channel.
final class SignalLink: @unchecked Sendable {
  static let creditsOffset = 128

  /// The receiver's process, in the high half, and thread; 0 while it doesn't listen yet.
  let target: SharedCounter
  let credits: SharedCounter
  /// Rung when a credit came back, or the receiver began to listen.
  let room: EventCount
  let liveness: LivenessPipe
  private let segment: Segment

  init(_ segment: consuming Segment, _ liveness: LivenessPipe) throws(ChannelError) {
    guard unsafe segment.bytes.count >= 4096 else {
      throw .violation(SignalVariant.mechanism, "a segment that is too small")
    }
    target = unsafe SharedCounter(segment.bytes, at: 0)
    credits = unsafe SharedCounter(segment.bytes, at: Self.creditsOffset)
    room = unsafe EventCount(SharedWord(segment.bytes, at: 256))
    self.segment = segment
    self.liveness = liveness
    let bell = room
    try translating(.open, SignalVariant.mechanism) { () throws(SystemError) in
      try liveness.start { bell.wake() }
    }
    liveness.keep(self, parameters)
  }

  deinit { close() }

  func close() {
    liveness.leave(self, parameters)
    room.wake()
  }

  private var parameters: [(key: String, value: String)] { [("segment", String(segment.id))] }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    if !liveness.isAnonymous { throw .named(SignalVariant.mechanism) }
    return EndpointTransfer(parameters: parameters, descriptors: liveness.descriptors) {
      self.liveness.surrender(self, self.parameters)
    }
  }
}
