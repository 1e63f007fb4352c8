import IPC
import Testing

/// Several sending processes, and the receiver here.
struct SenderGroup: ~Copyable {
  var receiver: ByteReceiver
  let senders: [PeerProcess]

  /// Nil if this form of the mechanism has one sender.
  static func make(_ subject: Subject, _ count: Int) throws -> SenderGroup? {
    guard subject.admitsManySenders else { return nil }
    return subject.form == .named ? try named(subject, count) : try anonymous(subject, count)
  }

  private static func named(_ subject: Subject, _ count: Int) throws -> SenderGroup {
    let address = try subject.address()
    let receiver = try ByteReceiver(at: address)
    var list: [PeerProcess] = []
    for _ in 0..<count {
      let peer = try PeerProcess()
      try peer.must("open sender \(address.text)")
      list.append(peer)
    }
    return SenderGroup(receiver: receiver, senders: list)
  }

  private static func anonymous(_ subject: Subject, _ count: Int) throws -> SenderGroup? {
    var options = subject.options
    options.senders = .many
    let channel: ByteChannel
    do throws(ChannelError) {
      channel = try ByteChannel(over: subject.mechanism, options: options)
    } catch {
      // Only if the mechanism's caveat says so.
      try #require(error.code == .notSupported && subject.traits.caveat.contains("sender"))
      return nil
    }
    var sender = channel.sender
    let receiver = channel.receiver
    var list: [PeerProcess] = []
    for _ in 0..<count {
      let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.share(sender, as: "end") }
      try peer.must("inherit sender end")
      list.append(peer)
    }
    // The other processes have the only senders.
    try sender.close()
    return SenderGroup(receiver: receiver, senders: list)
  }
}

/// Several receiving processes, and the sender here.
struct ReceiverGroup: ~Copyable {
  var sender: ByteSender
  let receivers: [PeerProcess]
  /// The channel's address, if it has a name.
  let address: Address?

  static func make(_ subject: Subject, _ count: Int) throws -> ReceiverGroup {
    var list: [PeerProcess] = []
    if subject.form == .named {
      let address = try subject.address()
      for _ in 0..<count {
        let peer = try PeerProcess()
        try peer.must("open receiver \(address.text)")
        list.append(peer)
      }
      return ReceiverGroup(sender: try ByteSender(to: address), receivers: list, address: address)
    }
    let channel = try ByteChannel(over: subject.mechanism, options: subject.options)
    var receiver = channel.receiver
    let sender = channel.sender
    for _ in 0..<count {
      let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.share(receiver, as: "end") }
      try peer.must("inherit receiver end")
      list.append(peer)
    }
    receiver.close()
    return ReceiverGroup(sender: sender, receivers: list, address: nil)
  }

  /// One more process that sends over the same channel.
  func anotherSender() throws -> PeerProcess {
    if let address {
      let peer = try PeerProcess()
      try peer.must("open sender \(address.text)")
      return peer
    }
    let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.share(sender, as: "end") }
    try peer.must("inherit sender end")
    return peer
  }
}
