import IPC
import SystemCalls
import TestSupport
import Testing
import ToyMechanism

/// What the contract is tested on: a mechanism, with or without a name, with one wait strategy.
struct Subject: Sendable, CustomTestStringConvertible, CustomStringConvertible {
  enum Form: String, Sendable, CaseIterable { case anonymous, named }

  let mechanism: Mechanism
  let form: Form
  var options: ChannelOptions

  private init(_ mechanism: Mechanism, _ form: Form, _ options: ChannelOptions) {
    self.mechanism = mechanism
    self.form = form
    self.options = options
  }

  /// `queue named ?wait=spin`.
  var description: String {
    let choices = options.parameters.filter { $0.key != "max" }
    return "\(mechanism) \(form.rawValue) " + choices.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }
  var testDescription: String { description }

  var traits: MechanismTraits { mechanism.traits }

  /// Whether messages have no bytes.
  var isTokens: Bool { traits.carries == .tokens || options.type == .tokens }

  /// The size of a message that should have so many bytes: that many, 4 for integers, 0 for tokens.
  func size(_ bytes: Int) -> Int { isTokens ? 0 : traits.carries == .integers ? 4 : bytes }

  /// The same for a list, as an order contains it.
  func sizes(_ list: [Int]) -> String { list.map { String(size($0)) }.joined(separator: ",") }

  /// Several senders, unless the options ask for one.
  var admitsManySenders: Bool { traits.manySenders && options.senders != .one }

  /// Several receivers, unless the options ask for one.
  var admitsManyReceivers: Bool { traits.manyReceivers && options.receivers != .one }

  // MARK: The list

  /// Mechanisms outside of the catalogue, which another build's peer doesn't know.
  private static let additional: [Mechanism] = {
    guard Workspace.otherPeer == nil else { return [] }
    Catalogue.add(SocketPairMechanism.self)
    return [SocketPairMechanism.mechanism]
  }()

  /// Every mechanism in every form that it declares, with every wait strategy; and its options.
  static let all: [Subject] = {
    var found: [Subject] = []
    // One strategy for a sanitizer, under which every wait takes several times as long: the memory is the same.
    for wait in Sanitizer.isOn ? [.adaptive] : WaitStrategy.allCases {
      var options = ChannelOptions()
      options.wait = wait
      for mechanism in Mechanism.all + Mechanism.variants + additional {
        for form in Form.allCases where form == .named ? mechanism.traits.named : mechanism.traits.anonymous {
          found.append(Subject(mechanism, form, options))
          for variant in variants(mechanism, form) {
            var subject = Subject(mechanism, form, options)
            variant(&subject.options)
            found.append(subject)
          }
        }
      }
    }
    // Some of them only, to look into a failure: IPC_TEST_SUBJECT="queue named wait=block".
    guard let chosen = Processes.variable("IPC_TEST_SUBJECT") else { return found }
    return found.filter { $0.description.hasPrefix(chosen) }
  }()

  private static func variants(_ mechanism: Mechanism, _ form: Form) -> [(inout ChannelOptions) -> Void] {
    switch (mechanism, form) {
    case (.pipe, _): [{ $0.senders = .many }]
    case (.fifo, _): [{ $0.senders = .one }]
    case (.unix, _): [{ $0.type = .stream }]
    case (.semaphore, _): [{ $0.type = .tokens }]
    case (.queue, _): [{ $0.receivers = .one }]
    default: []
    }
  }

  /// The subjects whose messages have bytes.
  static let carrying = all.filter { !$0.isTokens && $0.traits.carries == .messages }
  static let manySenders = all.filter(\.admitsManySenders)
  static let manyReceivers = all.filter(\.admitsManyReceivers)
  static let named = all.filter { $0.form == .named }
  /// One wait strategy of each, for tests that don't depend on it.
  static let once = all.filter { $0.options.wait == .adaptive }
  static let carryingOnce = carrying.filter { $0.options.wait == .adaptive }

  // MARK: Addresses

  /// A new address for this subject, from the form that the mechanism declares.
  func address() throws -> Address {
    let form = traits.addressForm
    let target =
      if form.contains("/") {
        Workspace.path()
      } else if form.contains("port") {
        "127.0.0.1:\(try Workspace.port())"
      } else {
        Workspace.name()
      }
    return Address(mechanism, target, options: options)
  }

  // MARK: Channels

  /// This process sends, the other receives.
  func toPeer() throws -> Outward {
    switch form {
    case .anonymous:
      let channel = try ByteChannel(over: mechanism, options: options)
      let receiver = channel.receiver
      let peer = try Self.peer(receiver)
      return Outward(sender: channel.sender, peer: peer)
    case .named:
      let address = try address()
      let peer = try PeerProcess()
      try peer.must("open receiver \(address.text)")
      return Outward(sender: try ByteSender(to: address), peer: peer)
    }
  }

  /// The other process sends, this one receives.
  func fromPeer() throws -> Inward {
    switch form {
    case .anonymous:
      let channel = try ByteChannel(over: mechanism, options: options)
      let peer = try Self.peer(channel.sender)
      return Inward(receiver: channel.receiver, peer: peer)
    case .named:
      let address = try address()
      let receiver = try ByteReceiver(at: address)
      let peer = try PeerProcess()
      try peer.must("open sender \(address.text)")
      return Inward(receiver: receiver, peer: peer)
    }
  }

  /// Two other processes have the endpoints.
  func betweenPeers() throws -> (sender: PeerProcess, receiver: PeerProcess) {
    switch form {
    case .anonymous:
      let channel = try ByteChannel(over: mechanism, options: options)
      return (try Self.peer(channel.sender), try Self.peer(channel.receiver))
    case .named:
      let address = try address()
      let receiver = try PeerProcess()
      try receiver.must("open receiver \(address.text)")
      let sender = try PeerProcess()
      try sender.must("open sender \(address.text)")
      return (sender, receiver)
    }
  }

  static func peer(_ sender: consuming ByteSender) throws -> PeerProcess {
    var sender = sender
    let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.pass(&sender, as: "end") }
    try peer.must("inherit sender end")
    return peer
  }

  static func peer(_ receiver: consuming ByteReceiver) throws -> PeerProcess {
    var receiver = receiver
    let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.pass(&receiver, as: "end") }
    try peer.must("inherit receiver end")
    return peer
  }
}

/// A sender here, its receiver there.
struct Outward: ~Copyable {
  var sender: ByteSender
  let peer: PeerProcess
}

/// A receiver here, its sender there.
struct Inward: ~Copyable {
  var receiver: ByteReceiver
  let peer: PeerProcess
}

extension Address {
  /// The address with its options, as another program reads it.
  var text: String {
    "\(mechanism.name):\(target)?" + options.parameters.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
  }
}
