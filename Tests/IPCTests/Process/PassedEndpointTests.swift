import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// Passed endpoints when processes that had them die. That no kernel object is left is checked after each test.
  @Suite(.guarded) struct PassedEndpointTests {
    /// A child has closed its endpoint; then its parent, which has the other, is killed.
    @Test(arguments: ["queue", "semaphore", "memory", "posix-semaphore", "signal"])
    func objectsAreRemovedWhenTheParentDies(_ mechanism: String) throws {
      Watchdog.at(mechanism)
      let parent = try PeerProcess()
      let child = try #require(Int32(try parent.ask("family \(mechanism)")))
      try parent.kill()
      Self.untilEnded(child)
    }

    /// exit(3) with open endpoints, with a name or without.
    @Test(arguments: ["queue", "semaphore", "memory", "posix-semaphore", "signal"])
    func objectsAreRemovedAtExit(_ mechanism: String) throws {
      Watchdog.at(mechanism)
      for order in ["make \(mechanism)", "open receiver \(mechanism):\(Workspace.name())"] {
        let peer = try PeerProcess()
        try peer.must(order)
        try peer.must("exit")
        try peer.finish()
      }
    }

    /// Messages of a grandchild arrive, although it and its parent have died.
    @Test(arguments: ["queue", "semaphore", "memory"])
    func messagesOfAnEndedGrandchildArrive(_ mechanism: String) throws {
      Watchdog.at(mechanism)
      let channel = try ByteChannel(over: Mechanism(named: mechanism))
      var receiver = channel.receiver
      var sender: ByteSender? = channel.sender
      let parent = try PeerProcess { (spawn: inout Spawn) throws(ChannelError) in
        try spawn.pass(&sender!, as: "end")
      }
      let child = try #require(Int32(try parent.ask("pass-on end 9")))
      try parent.kill()
      Self.untilEnded(child)
      for _ in 0..<9 { try receiver.receive { _ in } }
      #expect(code { () throws(ChannelError) in try receiver.receive { _ in } } == .closed)
    }

    /// The child ends with its parent. It may stay a zombie until init reaps it.
    private static func untilEnded(_ child: Int32) {
      while let text = try? Files.readText("/proc/\(child)/stat"), !text.contains(") Z ") {
        Clock.sleep(nanoseconds: 1_000_000)
      }
    }
  }
}
