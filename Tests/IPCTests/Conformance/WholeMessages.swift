import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 1: a message arrives whole, once, unchanged.
  @Suite(.guarded) struct WholeMessages {
    /// Around every boundary: a header, PIPE_BUF, a slot, a queue's message, a packet, a ring.
    static let sizes = [
      0, 1, 7, 8, 63, 64, 100, 4087, 4088, 4089, 4096, 8176, 8184, 8192, 65527, 65528, 65536, 100_000,
      1 << 20 + 3, 3 << 20, 0, 5,
    ]
    private static var list: String { sizes.map(String.init).joined(separator: ",") }

    @Test(arguments: Subject.carrying, Sending.modes)
    func arriveInTheOtherProcess(_ subject: Subject, _ mode: String) throws {
      Watchdog.at("\(subject) \(mode)")
      var line = try subject.toPeer()
      try line.peer.order("take \(mode == "plain" ? "value" : "lend") 0 \(Self.list)")
      try Sending.send(&line.sender, mode, 0, Self.sizes)
      try line.peer.mustSucceed()
      try line.peer.finish()
    }

    @Test(arguments: Subject.carrying, Sending.modes)
    func arriveFromTheOtherProcess(_ subject: Subject, _ mode: String) throws {
      Watchdog.at("\(subject) \(mode)")
      var line = try subject.fromPeer()
      try line.peer.order("send \(mode) 40 \(Self.list)")
      let wrong = try Sending.take(&line.receiver, mode == "plain" ? "within" : "lend", 40, Self.sizes)
      #expect(wrong == nil)
      try line.peer.mustSucceed()
      try line.peer.finish()
    }
  }
}
