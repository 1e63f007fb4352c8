import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// The name of a FIFO: which receiver removes it, and what is found under it.
  @Suite(.guarded) struct FIFOTests {
    private func exists(_ path: String) -> Bool { (try? Files.stat(path)) != nil }

    @Test("what a killed receiver left goes with the next one", arguments: [false, true])
    func leftByAKill(hasSender: Bool) throws {
      let path = Workspace.path()
      let peer = try PeerProcess()
      try peer.must("open receiver fifo:\(path)")
      var sender: ByteSender? = hasSender ? try ByteSender(to: "fifo:\(path)") : nil
      try peer.kill()
      #expect(exists(path))
      var receiver = try ByteReceiver(at: "fifo:\(path)")
      receiver.close()
      #expect(!exists(path))
      try? sender?.close()
      sender = nil
    }

    @Test("a FIFO that mkfifo(1) made stays")
    func madeByHand() throws {
      let path = Workspace.path()
      try #require(unsafe mkfifo(path, 0o600) == 0)
      defer { try? Files.unlink(path) }
      for _ in 0..<2 {
        var receiver = try ByteReceiver(at: "fifo:\(path)")
        var sender = try ByteSender(to: "fifo:\(path)")
        try sender.send([7] as [UInt8])
        try receiver.receive(within: .seconds(10)) { #expect($0.count == 1) }
        try sender.close()
        receiver.close()
        #expect(exists(path))
      }
    }

    @Test("a receiver that opens while another closes has the name")
    func successors() throws {
      let path = Workspace.path()
      let peer = try PeerProcess()
      for round in 0..<200 {
        Watchdog.at("round \(round)")
        try peer.must("open receiver fifo:\(path)")
        try peer.order("close")
        var found: ByteReceiver?
        while found == nil {
          do throws(ChannelError) {
            found = try ByteReceiver(at: "fifo:\(path)")
          } catch {
            try #require(error.code == .busy, "\(error)")
          }
        }
        try peer.mustSucceed()
        #expect(exists(path))
        var sender = try ByteSender(to: "fifo:\(path)")
        try sender.send([7] as [UInt8])
        try found!.receive(within: .seconds(10)) { #expect($0.count == 1) }
        try sender.close()
        found = nil
        #expect(!exists(path))
      }
      try peer.finish()
    }
  }
}
