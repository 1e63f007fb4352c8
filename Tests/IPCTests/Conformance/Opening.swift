import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// How the endpoints of a channel find each other, and which of them are refused.
  @Suite(.guarded) struct Opening {
    private static let named = Subject.named.filter { $0.options.wait == .adaptive }

    @Test(arguments: named.filter { !$0.admitsManyReceivers })
    func aSecondReceiverIsRefused(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try ByteReceiver(at: address)
      let peer = try PeerProcess()
      #expect(code { () throws(ChannelError) in _ = try ByteReceiver(at: address) } == .busy)
      #expect(try peer.ask("open receiver \(address.text)").hasPrefix("error busy"))
      // The first is unaffected.
      var sender = try ByteSender(to: address)
      let bytes = Pattern.bytes(1, subject.size(10))
      try sender.send(bytes)
      #expect(try receiver.receive([UInt8].self) == bytes)
      #expect(try peer.ask("open receiver \(address.text)").hasPrefix("error busy"))
      try sender.close()
      receiver.close()
      // When the first is gone, another can open.
      try peer.must("open receiver \(address.text)")
      try peer.must("close")
      try peer.finish()
    }

    @Test(arguments: named.filter { !$0.traits.manySenders })
    func aSecondSenderIsRefused(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      let peer = try PeerProcess()
      #expect(try peer.ask("open sender \(address.text)").hasPrefix("error busy"))
      let bytes = Pattern.bytes(1, subject.size(10))
      try sender.send(bytes)
      #expect(try receiver.receive([UInt8].self) == bytes)
      try sender.close()
      receiver.close()
      try peer.finish()
    }

    @Test(
      arguments: Subject.once.filter {
        $0.form == .anonymous && !$0.traits.manySenders && !$0.traits.manyReceivers
      })
    func anEndpointOfOneProcessIsNotShared(_ subject: Subject) throws {
      let channel = try ByteChannel(over: subject.mechanism, options: subject.options)
      var sender = channel.sender
      var receiver = channel.receiver
      var spawn = Spawn(Workspace.peer)
      #expect(code { () throws(ChannelError) in try spawn.share(sender, as: "end") } == .notSupported)
      #expect(code { () throws(ChannelError) in try spawn.share(receiver, as: "end") } == .notSupported)
      try sender.close()
      receiver.close()
    }

    @Test(arguments: named)
    func aSenderWithoutAReceiverGetsNoReceiver(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      #expect(
        code { () throws(ChannelError) in _ = try ByteSender(to: address, within: .milliseconds(20)) }
          == .noReceiver)
      #expect(
        code { () throws(ChannelError) in _ = try ByteSender(to: address, within: .zero) } == .noReceiver)
      // Also after a receiver that has closed.
      var receiver = try ByteReceiver(at: address)
      receiver.close()
      #expect(
        code { () throws(ChannelError) in _ = try ByteSender(to: address, within: .milliseconds(20)) }
          == .noReceiver)
    }

    /// A sender that opens first waits for its receiver.
    @Test(arguments: named)
    func aSenderWaitsForItsReceiver(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      let peer = try PeerProcess()
      try peer.order("open-soon receiver \(address.text)")
      var sender = try ByteSender(to: address, within: .seconds(40))
      try peer.mustSucceed()
      try sender.close()
      try peer.must("close")
      try peer.finish()
    }
  }
}
