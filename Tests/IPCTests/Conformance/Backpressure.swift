import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 4: a full channel makes `send` wait, or `trySend` say so; nothing is dropped, nothing grows
  /// without bound.
  @Suite(.guarded) struct Backpressure {
    @Test(arguments: Subject.all)
    func aFullChannelSaysSoAndLosesNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      let count = try fill(&line.sender, subject, 1000)
      #expect(count > 0)
      try line.peer.order("collect 0")
      try line.sender.close()
      try expect(line.peer, subject, count)
    }

    /// Also with messages that go in parts, where some of a refused message may be out already.
    @Test(arguments: Subject.carrying)
    func soDoesOneFullOfLargeMessages(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      let count = try fill(&line.sender, subject, 11_111)
      // What still fits between the large ones: the refused one mustn't be in their way.
      try line.peer.order("collect 0")
      try line.sender.send(Numbered.bytes(id: 1, count, 20_000))
      try line.sender.close()
      try expect(line.peer, subject, count + 1)
    }

    @Test(arguments: Subject.all)
    func aSlowReceiverLosesNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      try line.peer.order("collect 100")
      let count = 300
      for sequence in 0..<count {
        try line.sender.send(Numbered.bytes(id: 1, sequence, subject.size(sequence % 3 == 0 ? 15_000 : 700)))
      }
      try line.sender.close()
      try expect(line.peer, subject, count)
    }

    /// Messages that are held back to be sent together fill a channel too.
    @Test(arguments: Subject.carrying)
    func heldBackMessagesFillItToo(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      line.sender.coalesces = true
      let count = try fill(&line.sender, subject, 100)
      try line.peer.order("collect 0")
      try line.sender.close()
      try expect(line.peer, subject, count)
    }

    private func fill(_ sender: inout Sender, _ subject: Subject, _ size: Int) throws -> Int {
      var count = 0
      while try sender.trySend(Numbered.bytes(id: 1, count, subject.size(size))) {
        count += 1
        try #require(count < 200_000, "it never gets full")
      }
      return count
    }

    private func expect(_ peer: PeerProcess, _ subject: Subject, _ count: Int) throws {
      let found = Collected(try peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.damaged == 0)
      if subject.isTokens {
        #expect(found.tally.tokens == count)
      } else {
        #expect(found.tally.runs == [1: [0...(count - 1)]])
      }
      try peer.finish()
    }
  }
}
