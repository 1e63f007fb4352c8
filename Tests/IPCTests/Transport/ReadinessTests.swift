import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// `waitUntilReady` of channels that poll(2) can't see: it takes no message and no room.
  @Suite(.guarded) struct ReadinessTests {
    private static func waits(_ readiness: Readiness) -> Bool {
      if case .thread = readiness { return true }
      return false
    }

    @Test(arguments: Subject.all) func waitingTakesNoMessage(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.fromPeer()
      let end = line.receiver.transport
      guard Self.waits(end.readiness) else { return try line.peer.finish() }
      #expect(try line.receiver.tryReceive { $0.count } == nil)
      #expect(!end.waitUntilReady(until: .now))
      #expect(!end.waitUntilReady(until: .within(.milliseconds(5))))
      let sizes = [100, 3000, 0, 20_000, 9].map(subject.size)
      try line.peer.order("send plain 30 \(sizes.map(String.init).joined(separator: ","))")
      for (index, size) in sizes.enumerated() {
        for _ in 0..<3 { #expect(end.waitUntilReady(until: .never)) }
        // If the message has fragments, the first is there.
        let isRight = try line.receiver.receive(within: .seconds(30)) {
          $0.count == size && Pattern.matches($0, 30 + index)
        }
        #expect(isRight, "message \(index)")
      }
      try line.peer.mustSucceed()
      #expect(try line.receiver.tryReceive { $0.count } == nil)
      #expect(!end.waitUntilReady(until: .now))
      try line.peer.must("close")
      #expect(end.waitUntilReady(until: .never))
      #expect(code { () throws(ChannelError) in try line.receiver.receive { _ in } } == .closed)
      try line.peer.finish()
    }

    @Test(arguments: Subject.all) func theWaitForAMessageEndsWithADeath(_ subject: Subject) throws {
      Watchdog.at(subject)
      let line = try subject.fromPeer()
      let end = line.receiver.transport
      guard Self.waits(end.readiness) else { return try line.peer.finish() }
      #expect(!end.waitUntilReady(until: .now))
      try line.peer.kill()
      #expect(end.waitUntilReady(until: .never))
      #expect(end.waitUntilReady(until: .now))
    }

    @Test(arguments: Subject.all) func waitingTakesNoRoom(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      let end = line.sender.transport
      let size = subject.size(3000)
      guard Self.waits(end.readiness) else {
        try line.sender.close()
        return try line.peer.finish()
      }
      #expect(end.waitUntilReady(size, until: .now))
      var count = 0
      while try line.sender.trySend(Numbered.bytes(id: 1, count, size)) {
        count += 1
        try #require(count < 200_000)
      }
      #expect(!end.waitUntilReady(size, until: .now))
      #expect(!end.waitUntilReady(size, until: .within(.milliseconds(5))))
      try line.peer.order("collect 0")
      for _ in 0..<50 {
        #expect(end.waitUntilReady(size, until: .never))
        // There is room: no other sender exists.
        #expect(try line.sender.trySend(Numbered.bytes(id: 1, count, size)))
        count += 1
      }
      try line.sender.close()
      let found = Collected(try line.peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.isWhole(subject, count), "\(count): \(found.tally)")
      try line.peer.finish()
    }

    @Test(arguments: Subject.all) func theWaitForRoomEndsWithADeath(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      let end = line.sender.transport
      let size = subject.size(3000)
      guard Self.waits(end.readiness) else {
        try line.peer.kill()
        return Workspace.removePaths()
      }
      var count = 0
      while try line.sender.trySend(Numbered.bytes(id: 1, count, size)) {
        count += 1
        try #require(count < 200_000)
      }
      #expect(!end.waitUntilReady(size, until: .now))
      try line.peer.kill()
      #expect(end.waitUntilReady(size, until: .never))
      #expect(
        code { () throws(ChannelError) in try line.sender.send(Numbered.bytes(id: 1, 0, size)) } == .closed)
      // A killed receiver leaves its file at the path, for the next receiver to replace.
      Workspace.removePaths()
    }

    /// A message of at most `atomicMessageBytes` is sent at once or not at all.
    @Test(arguments: Subject.carryingOnce) func atomicMessagesAreSentAtOnce(_ subject: Subject) throws {
      Watchdog.at(subject)
      let line = try subject.toPeer()
      var sender = line.sender
      let peer = line.peer
      let whole = sender.transport.atomicMessageBytes
      #expect(whole > 0)
      #expect(try sender.trySend(Pattern.bytes(0, whole)))
      try peer.order("take value 0 \(whole)")
      try peer.mustSucceed()
      try sender.close()
      try peer.finish()
    }
  }
}
