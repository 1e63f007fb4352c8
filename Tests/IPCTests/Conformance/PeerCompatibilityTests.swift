import Glibc
import TestSupport
import Testing

@testable import IPC
@testable import ipc_peer

extension AllTests {
  /// Messages between this build and another one, whose `ipc-peer` is named by `IPC_TEST_PEER`: the wire and memory
  /// formats are the same in both. Each mechanism is used in every form and with every way to wait. Where a
  /// channel has a name, each of the two processes creates it in one of the tests.
  @Suite(
    .guarded,
    .enabled(
      if: PeerVersion.other == WireFormat.version,
      "IPC_TEST_PEER names no other build's ipc-peer of this version"))
  struct PeerCompatibilityTests {
    private static let sizes = [0, 1, 8, 100, 4088, 4089, 8192, 65_528, 70_000, 1 << 20 + 3, 5]
    private static var list: String { sizes.map(String.init).joined(separator: ",") }

    @Test func theOtherPeerIsAnotherBuild() throws {
      let peer = try PeerProcess()
      let running = try inode("/proc/\(peer.id)/exe")
      let named = try inode(#require(Workspace.otherPeer))
      #expect(running == named)
      try peer.finish()
    }

    private func inode(_ path: String) throws -> UInt64 {
      var status = stat()
      let result = unsafe stat(path, &status)
      try #require(result == 0, "\(path)")
      return UInt64(status.st_ino)
    }

    @Test(arguments: Subject.carrying, Sending.modes)
    func theOtherReceivesWhatThisSends(_ subject: Subject, _ mode: String) throws {
      Watchdog.at("\(subject) \(mode)")
      var line = try subject.toPeer()
      try line.peer.order("take lend 0 \(Self.list)")
      try Sending.send(&line.sender, mode, 0, Self.sizes)
      try line.peer.mustSucceed()
      try line.peer.finish()
    }

    @Test(arguments: Subject.carrying, Sending.modes)
    func thisReceivesWhatTheOtherSends(_ subject: Subject, _ mode: String) throws {
      Watchdog.at("\(subject) \(mode)")
      var line = try subject.fromPeer()
      try line.peer.order("send \(mode) 40 \(Self.list)")
      let wrong = try Sending.take(&line.receiver, "lend", 40, Self.sizes)
      #expect(wrong == nil)
      try line.peer.mustSucceed()
      try line.peer.finish()
    }

    /// Enough messages that both processes fill the channel, sleep and wake each other; then the sender closes.
    @Test(arguments: Subject.all)
    func theOtherReceivesManyMessagesAndTheEnd(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      try line.peer.order("collect 0")
      for sequence in 0..<5000 {
        try line.sender.send(Numbered.bytes(id: 3, sequence, subject.size(16 + sequence % 90)))
      }
      try line.sender.close()
      try check(Collected(try line.peer.answer()), subject)
      try line.peer.finish()
    }

    @Test(arguments: Subject.all)
    func thisReceivesManyMessagesAndTheEnd(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.fromPeer()
      try line.peer.order("flood 3 5000 \(subject.sizes([16, 40, 105]))")
      var tally = Tally()
      for _ in 0..<5000 { try line.receiver.receive { tally.note($0) } }
      try line.peer.mustSucceed()
      try line.peer.must("close")
      let end = code { () throws(ChannelError) in try line.receiver.receive { tally.note($0) } }
      try check(Collected("\(end?.rawValue ?? "a message") \(tally)"), subject)
      try line.peer.finish()
    }

    private func check(_ found: Collected, _ subject: Subject) throws {
      #expect(found.end == "closed")
      #expect(found.tally.damaged == 0)
      if subject.isTokens {
        #expect(found.tally.tokens == 5000)
      } else {
        #expect(found.tally.runs == [3: [0...4999]])
      }
    }

    /// The death of a process of the one build is reported to the other.
    @Test(arguments: Subject.all)
    func thisReportsTheDeathOfTheOther(_ subject: Subject) throws {
      defer { Workspace.removePaths() }
      Watchdog.at(subject)
      var receiving = try subject.fromPeer()
      try receiving.peer.must("flood 1 3 \(subject.size(50))")
      for _ in 0..<3 { try receiving.receiver.receive { _ in } }
      try receiving.peer.kill()
      #expect(code { () throws(ChannelError) in try receiving.receiver.receive { _ in } } == .closed)

      var sending = try subject.toPeer()
      try sending.sender.send(Numbered.bytes(id: 1, 0, subject.size(50)))
      #expect(try sending.peer.ask("collect-some 1").hasPrefix("ok "))
      try sending.peer.kill()
      let end = code { () throws(ChannelError) in
        while true { try sending.sender.send(Numbered.bytes(id: 1, 1, subject.size(50))) }
      }
      #expect(end == .closed)
    }
  }
}
