import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 4: a full channel makes `send` wait and `trySend` return false; nothing is dropped, nothing grows without
  /// bound.
  @Suite(.guarded) struct Backpressure {
    @Test(arguments: Subject.all)
    func aFullChannelRefusesAndLosesNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      let count = try fill(&line.sender, subject, 1000)
      #expect(count > 0)
      try line.peer.order("collect 0")
      try line.sender.close()
      try expect(line.peer, subject, count)
    }

    /// Also with messages sent in fragments, where a refused message may be partly sent.
    @Test(arguments: Subject.carrying)
    func aChannelFullOfLargeMessagesLosesNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      let count = try fill(&line.sender, subject, 11_111)
      // The refused message must not block the next one.
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

    /// Coalesced messages fill a channel too.
    @Test(arguments: Subject.carrying)
    func coalescedMessagesFillAChannel(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      line.sender.coalesces = true
      let count = try fill(&line.sender, subject, 100)
      try line.peer.order("collect 0")
      try line.sender.close()
      try expect(line.peer, subject, count)
    }

    private func fill(_ sender: inout ByteSender, _ subject: Subject, _ size: Int) throws -> Int {
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
