import SystemCalls
import TestSupport
import Testing

@testable import IPC
@testable import ipc_peer

/// The version of the wire formats of `IPC_TEST_PEER`.
enum PeerVersion {
  /// The first byte that its receiver greets a sender with; nil: there is no other peer.
  static let other: Int? = {
    guard Workspace.otherPeer != nil, Workspace.warm else { return nil }
    let path = Workspace.path()
    var bytes: [UInt8] = [0]
    do {
      let peer = try PeerProcess()
      try peer.must("open receiver unix:\(path)")
      let socket = try Sockets.socket(unix: .packet)
      try Sockets.connect(socket, path: path)
      var truncated = false
      let raw = socket.raw
      _ = try unsafe bytes.withUnsafeMutableBytes {
        unsafe try Sockets.recvmsg(raw, into: $0, wait: true, truncated: &truncated)
      }
      try peer.must("close")
      try peer.finish()
    } catch {
      return nil
    }
    return Int(bytes[0])
  }()
}

extension AllTests {
  /// This build and a peer of an older version, which `IPC_TEST_PEER` names: nothing is shared, and no process is disturbed.
  @Suite(
    .guarded,
    .enabled(
      if: PeerVersion.other.map { $0 < WireFormat.version } ?? false,
      "IPC_TEST_PEER names no peer of an older version"))
  struct OlderPeerTests {
    private static let subjects = Subject.once.filter {
      $0.form == .named && $0.traits.carries == .messages && !$0.isTokens && !$0.traits.peerIsCommand
    }

    @Test(arguments: subjects)
    func anOlderReceiverIsRefusedAndContinues(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      let receiver = try PeerProcess()
      try receiver.must("open receiver \(address.text)")
      if subject.mechanism == .fifo {
        // It can't tell its version, and ignores the hello.
        var sender = try ByteSender(to: address)
        try receiver.order("collect 0")
        try sender.send(Numbered.bytes(id: 3, 0, 40))
        try sender.close()
        #expect(try Collected(receiver.answer()).tally.runs == [3: [0...0]])
      } else {
        let said = sentence(of: { () throws(ChannelError) in _ = try ByteSender(to: address) })
        #expect(said.contains("version 2") && said.contains("version 1"), "\(said)")
        let sender = try PeerProcess()
        try sender.must("open sender \(address.text)")
        try receiver.order("collect 0")
        try sender.must("flood 3 2 40")
        try sender.must("close")
        let found = try Collected(receiver.answer())
        // A socket's receiver of version 1 may take the connection that ended for its last sender.
        if ![.unix, .tcp].contains(subject.mechanism) { #expect(found.tally.runs == [3: [0...1]]) }
        try sender.finish()
      }
      try receiver.finish()
    }

    @Test(arguments: subjects)
    func anOlderSenderIsRefusedAndThisContinues(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try Receiver<String>(at: address)
      let older = try PeerProcess()
      let answer = try older.ask("open sender \(address.text)")
      // A FIFO takes it as a program in another language.
      #expect((answer == "ok") == (subject.mechanism == .fifo), "\(answer)")
      var sender = try Sender<String>(to: address)
      try sender.send("hello")
      #expect(try receiver.next() == "hello")
      try older.finish()
      try sender.close()
      #expect(try receiver.next() == nil)
    }

    @Test func anOlderChildTakesNothing() throws {
      var channel = try ByteChannel(over: .pipe)
      let peer = try PeerProcess { (spawn) throws(ChannelError) in
        try spawn.pass(&channel.receiver, as: "end")
      }
      #expect(try peer.ask("inherit receiver end") != "ok")
      try peer.finish()
    }
  }
}
